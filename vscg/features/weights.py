"""The published weights of VGG-19 and VGGish: downloaded on first use, checked, and read as plain data."""
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vscg.data import download
from vscg.errors import VscgError
from vscg.machine.files import data_dir
from vscg.released.reader import read_checkpoint


@dataclass(frozen=True)
class Weights:
    """A file of weights, named, as is the custom, after the first eight digits of its SHA-256."""
    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def sum(self) -> str:
        """What the file's SHA-256 begins with."""
        return self.name.rpartition("-")[2].removesuffix(".pth")


VGG19 = Weights("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth")                       # 575 MB
VGGISH = Weights("https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth")    # 289 MB


def fetch(weights: Weights, folder: Path | None = None, progress: bool = True) -> Path:
    """The path of a file of weights, downloaded first if it is not in `folder` (default: `data/weights`).

    A download that was cut off or interrupted is continued; of two processes that need the file, one downloads it. The
    file is checked whenever it is asked for.

    Raises VscgError: no network, no such file or no space, with the address to fetch by hand and where to put the file;
        or content that is not the published one.
    """
    folder = Path(folder) if folder else data_dir() / "weights"
    return download.fetch(weights.url, folder / weights.name, download.wrong_sum(weights.sum), progress)


def load(network: type[nn.Module], path: str | Path) -> nn.Module:
    """A network (class) with the weights of a file, for evaluation; the file's `classifier.*` are left out.

    Raises VscgError for a file that is no state dict, and for names or shapes that are not the network's.
    """
    found = {name: tensor for name, tensor in read_checkpoint(path).items() if not name.startswith("classifier.")}
    with torch.device("meta"):                             # no memory, no random numbers: the weights replace them
        built = network()
    wanted = built.state_dict()
    differing = [name for name in wanted | found
                 if name not in wanted or name not in found or found[name].shape != wanted[name].shape]
    if differing:
        name = differing[0]
        shapes = [tuple(state[name].shape) if name in state else "nothing" for state in (found, wanted)]
        raise VscgError(f"{path}: not the weights of {network.__name__}: {name!r} is {shapes[0]} there and {shapes[1]} "
                        f"in the network ({len(differing)} differ); use the published file")
    built.load_state_dict({name: tensor.float() for name, tensor in found.items()}, assign=True)
    return built.eval().requires_grad_(False)
