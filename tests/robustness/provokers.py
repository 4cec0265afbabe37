"""How each error on the page of troubleshooting is raised, for tests/book/test_troubleshooting.py."""
import json
from pathlib import Path

import h5py
import numpy as np
import papermill
import torch
from nbclient.exceptions import DeadKernelError

from tests.book.test_build import build, execute
from tests.data.test_prepared import assign, clips, replace
from tests.features.test_extract import Heard, Seen
from tests.machine.test_graphs import Deaf, Unable
from tests.media import tone, write_clip
from tests.released.test_load import fresh, published
from tests.tables import MINI
from vscg.data import download, load_dataset
from vscg.data.ave import check, prepare_ave
from vscg.data.labels import read_annotations
from vscg.data.own import prepare_own
from vscg.data.planted import turned
from vscg.data.prepared import read_prepared
from vscg.data.tables import read_tables
from vscg.data.writer import PreparedWriter, check_target
from vscg.features import weights
from vscg.features.extract import extract
from vscg.features.networks import Networks, load_networks
from vscg.features.video import read_windows
from vscg.machine.files import file_sum, locked, write_atomically
from vscg.machine.graphs import WARM_UP, Replayed
from vscg.models import build_model
from vscg.predict import Watched, load_checkpoint, overlay, result_files
from vscg.released.load import load_released
from vscg.study.runs import book_configs
from vscg.study.tables import table
from vscg.training.batches import Features
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.objectives import build_objective
from vscg.training.records import read_record, record_of, run_key, ship, write_record
from vscg.training.sweep import Failure, Sweep, sweep


class Place:
    """Where a provoker works: a new folder, a server, and pytest's patches."""

    def __init__(self, folder, server, patch):
        self.folder, self.server, self.patch = folder, server, patch
        self.networks = Networks(Seen(), Heard())

    def text(self, content: str, name: str = "Annotations.txt") -> Path:
        (self.folder / name).write_text(content)
        return self.folder / name

    def prepared(self, edit=None) -> Path:
        """A prepared file of four clips, changed by `edit`."""
        path = self.folder / "set.h5"
        with PreparedWriter(path, 4, "toy", "ab12") as writer:
            writer.append(**clips(4))
            writer.splits(train=[0, 1], val=[2], test=[], background=[3])
        with h5py.File(path, "a") as handle:
            if edit:
                edit(handle)
        return path

    def read(self, edit) -> None:
        read_prepared(self.prepared(edit))

    def extract(self, folder=None) -> None:
        extract(folder or self.folder, self.folder / "out.h5", networks=self.networks)

    def windows(self, name="clip.mkv", **options) -> None:
        list(read_windows(write_clip(self.folder / name, **options)))

    def run_folder(self, **files: str) -> Path:
        folder = self.folder / "run"
        folder.mkdir()
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_text(content)
        return folder

    def small(self, content: bytes | None) -> None:
        """Downloads one small file, of which the server sends `content`."""
        self.patch.setattr(download, "SMALL_FILES", {"a.txt": "0" * 64})
        self.server.files = {} if content is None else {"a.txt": content}
        download.download_small(self.folder / "ave", self.server.url)

    def notebook(self, error: Exception) -> None:
        """A notebook that ends with an error of its kernel."""
        source = self.text("# %%\npass\n", "03_toy.py")

        self.patch.setattr(papermill, "execute_notebook", refusing(error))
        execute.execute(source, self.folder / "03_toy.ipynb", {})

    def site(self) -> None:
        self.text("#!/bin/sh\necho 'index.md: WARNING: dangling'\nexit 1\n", "jupyter-book").chmod(0o755)
        self.patch.setattr(build, "BOOK", self.folder)
        self.patch.setattr(build, "INDEX", self.folder / "index.html")
        self.patch.setattr(build.sys, "executable", str(self.folder / "python"))
        build.build_site(self.folder / "run")


def refusing(error: Exception):
    def refuse(*args, **options):
        raise error
    return refuse


def drop(key):
    return lambda handle: handle.pop(key)


def declare(handle):
    del handle["audio"]
    handle.create_dataset("audio", (4, 10, 128), "f4", chunks=(1, 10, 128))


def packed(handle):
    """By Zstandard, number 32015 of HDF5's registered filters, which no wheel of h5py has."""
    del handle["audio"]
    form = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    form.set_chunk((1, 10, 128))
    form.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(handle.id, b"audio", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 10, 128)), form)


def trainable(handle):
    """One clip in each split."""
    for row, split in enumerate(("train", "val", "test")):
        replace(f"splits/{split}", data=np.array([row]))(handle)


def unavailable(place):
    place.patch.setenv("VSCG_HOME", str(place.folder))
    place.patch.delenv("VSCG_AVE_DIR", raising=False)
    load_dataset("ave")


def unpermitted(place):
    place.patch.setattr(h5py, "File", refusing(PermissionError(13, "Permission denied")))
    read_prepared(place.folder / "set.h5")


def damaged_planted(place):
    place.patch.setenv("VSCG_HOME", str(place.folder))
    (place.folder / "data").mkdir()
    place.text("cut", "data/planted-mini.h5")
    load_dataset("planted-mini")


def no_room(place):
    place.patch.setattr(download.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1}))
    place.small(bytes(10**6))


def wrong_weights(place):
    place.text("others", weights.VGG19.name)
    load_networks(place.folder, "cpu")


def train(place, data, **fields) -> None:
    fit(RunConfig(data="toy", epochs=1, batch=2, **fields), dataset=data, store=place.folder, progress=False,
        device="cpu")


def recording(recorder):
    weight = torch.ones(1, requires_grad=True)

    def step(values: torch.Tensor) -> torch.Tensor:
        loss = values @ weight
        with torch.no_grad():
            weight.mul_(0.5)
        return loss.detach()

    recorded = Replayed(step, lambda: [weight], recorder)
    for _ in range(WARM_UP + 1):
        recorded(torch.ones(1, 1))


def not_finite(place):
    original = Features.batch

    def poisoned(features, rows):
        audio, visual, labels = original(features, rows)
        return audio * float("nan"), visual, labels

    place.patch.setattr(Features, "batch", poisoned)
    train(place, load_dataset(place.prepared(trainable)))


def no_gpu(place):
    place.patch.setattr(torch.cuda, "is_available", lambda: False)
    load_networks(place.folder, "cuda")


def cut_state(place):
    data = load_dataset(place.prepared(trainable))
    config = RunConfig(data="toy", epochs=1, batch=2)
    folder = place.folder / run_key(config.resolve(), data.fingerprint)
    folder.mkdir()
    (folder / "checkpoint.pt").write_text("cut")
    train(place, data)


def no_test_clips(place):
    train(place, load_dataset(place.prepared()))


def no_weights(place):
    config = RunConfig().resolve().to_json()
    write_record(place.run_folder(), {"key": "run", "config": config}, [{"epoch": 1}], {"other": torch.zeros(1)},
                 {}).model()


def no_weights_shipped(place):
    folder = place.run_folder()
    record = write_record(folder, {"key": "run", "config": RunConfig().resolve().to_json()}, [{"epoch": 1}], {}, {})
    read_record(ship([record], place.folder)[0]).model()


def other_version(place):
    read_record(place.run_folder(record_json=json.dumps({"config": {}})))


def failed_sweep(place):
    Sweep((), (Failure(place.folder, RunConfig().resolve(), "it has not been trained"),)).check()


def empty_table(place):
    table("III", dataset=MINI, profile="quick", store=place.folder)


def busy(place):
    write_clip(place.folder / "a.mkv", seconds=1, fps=4)
    with locked(place.folder / "out.h5.parts"):
        place.extract()


def checkpoint(place, change) -> None:
    """Published weights of VSCG, weakly supervised, changed."""
    found = {name: torch.as_tensor(value) for name, value in published().items()}
    change(found)
    load_released(fresh(), found)


def cut_clip(place):
    path = write_clip(place.folder / "clip.mkv", seconds=12)
    content = path.read_bytes()
    path.write_bytes(content[:len(content) * 6 // 10])
    list(read_windows(path))


def rewound(place):
    """The last part of a clip is said to begin where the clip does."""
    path = write_clip(place.folder / "clip.mkv", seconds=12, fps=4)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xe7\x82", content.rindex(b"\x1f\x43\xb6\x75"))
    content[at + 2:at + 4] = bytes(2)
    path.write_bytes(content)
    list(read_windows(path))


def another_result(place):
    """Both names that a clip's results could have are taken."""
    clip = place.text("no clip", "a.mp4")
    for name in ("a", f"a-{file_sum(clip)[:8]}"):
        place.text("{}", f"{name}.json")
    result_files(clip, place.folder)


def blind(place):
    overlay(Watched(None, np.zeros(10, int), np.zeros((10, 29)), None))


def outputs_missing(place):
    model = build_model("vscg", setting="fully", head="segment")
    output = model(torch.zeros(1, 10, 128), torch.zeros(1, 10, 7, 7, 512))
    build_objective("vscg", setting="fully", loss="c+t")(output, torch.eye(29)[None, [28] * 10])


# What one message alone contains -> how it is raised.
PROVOKERS = {
    "its Python process died": lambda place: place.notebook(DeadKernelError("died")),
    "stopped in cell": lambda place: place.notebook(
        papermill.PapermillExecutionError(3, 4, "1 / 0", "ZeroDivisionError", "division by zero", [])),
    "jupyter-book ended": Place.site,
    "no such data set": lambda place: load_dataset("avee"),
    "not prepared yet": unavailable,
    "has no number": lambda place: load_dataset("planted-mini:ambiguity=much"),
    "is out of range": lambda place: load_dataset("planted-mini:ambiguity=-1"),
    "needs a whole number": lambda place: load_dataset("planted-mini:train=few"),
    "train is 0": lambda place: load_dataset("planted-mini:train=0"),
    "is there twice": lambda place: load_dataset("planted-mini:ambiguity=0,ambiguity=1"),
    "give numbers of clips": lambda place: turned("mini", dict.fromkeys(("train", "val", "test", "background"), 0)),
    "has no dial": lambda place: load_dataset("planted-mini:loudness=1"),
    "it is a share": lambda place: load_dataset("planted-mini:ambiguity=2"),
    "<folder>: missing": lambda place: prepare_ave(place.folder, place.folder / "ave.h5"),
    "Annotations.txt is missing": lambda place: check(place.folder),
    "field(s) instead": lambda place: read_annotations(place.text("Church bell&abc\n")),
    "unknown category": lambda place: read_annotations(place.text("Gong&abcdefghijk&good&0&10\n")),
    "the event starts": lambda place: read_annotations(place.text("Church bell&abcdefghijk&good&9&3\n")),
    "no column for": lambda place: read_tables([place.text("file,label\n")]),
    "the split is": lambda place: read_tables([place.text("id,label,start,end\na,x,0,5\n")]),
    "onset and offset are": lambda place: read_tables([place.text("id,label,start,end,split\na,x,0:03,5,val\n")]),
    "the event ends at": lambda place: read_tables(
        [place.text("id,label,start,end,split\na,x,3,15,val\n")])[0].events(10),
    "no features of any": lambda place: prepare_own(
        place.folder, [place.text("id,label,start,end,split\na,x,0,5,val\n")], place.folder / "own.h5"),
    "<file>: no such file": lambda place: read_prepared(place.folder / "absent.h5"),
    "unreadable as HDF5": lambda place: read_prepared(place.text("no HDF5", "set.h5")),
    "may not be read": unpermitted,
    "is a generated one": damaged_planted,
    "the key": lambda place: place.read(drop("audio")),
    "has shape": lambda place: place.read(replace("audio", data=np.zeros((4, 10, 127), "f4"))),
    "has dtype": lambda place: place.read(replace("audio", data=np.zeros((4, 10, 128), "f8"))),
    "[<position>] is <fault>": lambda place: place.read(assign("visual", (3, 0, 1, 2, 9), np.inf)),
    "is packed with": lambda place: place.read(packed),
    "declares": lambda place: place.read(declare),
    "not a prepared file": lambda place: place.read(lambda handle: handle.attrs.update(format=np.bytes_("other"))),
    "is newer": lambda place: place.read(lambda handle: handle.attrs.update(version=99)),
    "splits/<name>": lambda place: place.read(assign("splits/val", 0, 4)),
    "has no clips in its": no_test_clips,
    "failed or was cut": lambda place: download.download_small(place.folder, "http://127.0.0.1:9/"),
    "the server answered": lambda place: place.small(None),
    "no home folder": lambda place: download.download_small("~nobody-of-this-name"),
    "it was not kept": lambda place: place.small(b"changed"),
    "are still to come": no_room,
    "put there what": wrong_weights,
    "is unknown": lambda place: RunConfig(system="vscgg").resolve(),
    "give <kind> from": lambda place: RunConfig(batch=0).resolve(),
    "seeds is": lambda place: book_configs(data="planted-mini", profile="quick", seeds=0),
    "give that as a field": lambda place: RunConfig(model_options={"variant": "paper"}).resolve(),
    "workers is": lambda place: sweep([], workers=0),
    "The loss '": outputs_missing,
    "not finite": not_finite,
    "is damaged: delete": lambda place: read_record(place.run_folder(record_json="{")),
    "cannot be continued from": cut_state,
    "does not fit the model": no_weights,
    "without its weights": no_weights_shipped,
    "no run of this key": lambda place: record_of("0123456789abcdef"),
    "of another version of the package": other_version,
    "runs failed": failed_sweep,
    "Table <name> lacks": empty_table,
    "is a folder;": lambda place: check_target(place.folder),
    "is not replaced": lambda place: check_target(place.text("a clip", "clip.mkv")),
    "cannot be written": lambda place: write_atomically(place.folder / "absent" / "file", b""),
    "device cuda": no_gpu,
    "cannot be recorded": lambda place: recording(Unable()),
    "does not do what": lambda place: recording(Deaf()),
    "not a clip": lambda place: list(read_windows(place.text("no clip", "a.mp4"))),
    "track;": lambda place: place.windows(picture=False, seconds=1),
    "too short": lambda place: place.windows(seconds=2, fps=4),
    "damaged or cut off": cut_clip,
    "its times go back": rewound,
    "said to last": lambda place: place.windows(times=[0, 4000], sound=tone(2, 800), rate=800, options={"live": "1"}),
    "no result of": another_result,
    "no clip in it;": lambda place: place.extract(),
    "can be used:<reasons>": lambda place: (place.text("no clip", "a.mp4"), place.extract()),
    "looked into": lambda place: place.extract(place.folder / "absent"),
    "another process": busy,
    "a file of a run": lambda place: load_checkpoint(
        str(place.run_folder(record_json="{}", state_safetensors="weights") / "state.safetensors")),
    "no finished run and no file": lambda place: load_checkpoint("0123456789abcdef"),
    "cannot be read: ": lambda place: load_released(build_model("vscg", setting="fully"), place.folder / "absent.pt"),
    "is refused": lambda place: load_released(build_model("vscg", setting="fully"), place.text("no tensors", "a.pt")),
    "is no parameter": lambda place: checkpoint(place, lambda found: found.update(surplus=torch.zeros(1))),
    "lacks <number> parameters": lambda place: checkpoint(place, lambda found: found.pop(next(iter(found)))),
    "the released variant alone": lambda place: load_released(
        build_model("vscg", setting="fully", variant="paper"), {"a": torch.zeros(1)}),
    "nothing to lay over": blind,
}
