"""What is compared: each arm is a training loop with its settings, and runs in a process of its own."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """One way to train. The defaults are the published loop; each field switches one thing."""

    words: str
    loop: str = "published"       # "published": `published.PublishedLoop`; "vscg": the package's own training
    allocator: bool = False       # keep freed memory (`device.set_up`); else the C library's default
    resident: bool = False        # features as float16 tensors, gathered; else float64 arrays, copied clip by clip
    fused: bool = False           # Adam in one kernel
    cere_twice: bool = False      # CERE on one modality after the other; else on both in one call
    precision: str = "fp32"       # one of vscg.training.config.PRECISIONS
    graph: bool = True            # on a GPU, record the package's step (vscg.machine.graphs)


ARMS = {
    "published": Arm("the published loop, plain"),
    "published again": Arm("the same, in a second process: what differs is noise"),
    "vscg": Arm("the package's training", loop="vscg", allocator=True),
    "allocator": Arm("published, but freed memory is kept", allocator=True),
    "resident": Arm("published, but features in memory as float16, gathered", resident=True),
    "fused Adam": Arm("published, but Adam in one kernel", fused=True),
    "CERE twice": Arm("published, but CERE called for each modality", cere_twice=True),
    "bf16": Arm("published, but under bf16 autocast", precision="bf16"),
    "vscg bf16": Arm("the package's training with precision=bf16", loop="vscg", allocator=True, precision="bf16"),
    "vscg tf32": Arm("the package's training with precision=tf32", loop="vscg", allocator=True, precision="tf32"),
    "vscg no graph": Arm("the package's training, but each kernel started by the host", loop="vscg", allocator=True,
                         graph=False),
    "vscg bf16 no graph": Arm("the package's training with precision=bf16, each kernel started by the host",
                              loop="vscg", allocator=True, precision="bf16", graph=False),
}
SINGLE = ("allocator", "resident", "fused Adam", "CERE twice")      # one change each, possible on every machine
