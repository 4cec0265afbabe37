"""Where the errors on the page of troubleshooting are raised: a folder, a server, patches, and damaged files."""
from pathlib import Path

import h5py
import numpy as np
import papermill

from tests.book.test_build import build, execute
from tests.data.test_prepared import clips, replace
from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from vscg.data import download
from vscg.data.prepared import PreparedWriter, read_prepared
from vscg.features.extract import Networks, extract
from vscg.features.video import read_windows


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
        extract(folder or self.folder, self.folder / "out.h5", networks=self.networks, progress=False)

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
        download.download_small(self.folder / "ave", self.server.url, progress=False)

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
