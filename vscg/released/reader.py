"""Reads a stranger's PyTorch checkpoint as plain tensors: nothing that the file holds is imported, called or run.

`torch.load` does the reading, with an unpickler that knows only what builds tensors. Every other class or function that
the file names becomes an inert class: its instances keep their state, and to call it is refused.
"""
import io
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from vscg.errors import VscgError

LEGACY = pickle.dumps(torch.serialization.MAGIC_NUMBER, 2)[2:]     # of files that torch.save wrote before version 1.6
MAX_NAMES = 20_000      # parameters, buffers and submodules of one model; VSCG has about 60
MAX_GROWTH = 8          # bytes of all tensors for each byte of the file; shared weights count once a name
WRAPPERS = ("state_dict", "model_state_dict", "model")             # keys under which training programs put the weights
PREFIXES = ("module.", "_orig_mod.")                               # of models on several GPUs, and of compiled ones
AGAIN = "Get it again from where its authors publish it, and do not open it with torch.load."


class Fault(Exception):
    """What is wrong with a file, without its name."""


class _Inert(type):
    """The type of classes that stand for what a file names."""

    def __call__(cls, *arguments, **options):
        raise Fault(f"it asks to call `{cls.__name__}`, which a checkpoint has no need of; nothing was run")


class _Object(metaclass=_Inert):
    """An instance of a class that is not loaded: the state that the file gives it."""

    def __new__(cls, *arguments, **options):
        return object.__new__(cls)

    # What an instance of a subclass of dict or list holds is of no interest.
    __setitem__ = extend = append = lambda self, *items: None


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None) -> Tensor:
    """A view of a storage, within its bounds: torch itself would enlarge a storage that is too small."""
    numbers = (offset, *size, *stride)
    if not isinstance(storage, torch.storage.TypedStorage) or not all(type(n) is int and n >= 0 for n in numbers):
        raise Fault("a tensor in it has a storage, offset, size or stride that is not supported")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.size():
        raise Fault(f"a tensor in it reaches element {last} of a storage that has {storage.size()}")
    return torch._utils._rebuild_tensor(storage, offset, size, stride)


_KNOWN = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": lambda sizes=(): sizes,
    "torch.device": lambda *_: None,       # everything is read to the CPU
    "builtins.set": lambda items=(): list(items), "__builtin__.set": lambda items=(): list(items),
    "collections.OrderedDict": OrderedDict,
}


class Unpickler(pickle._Unpickler):        # C's would take as much memory as a number in the file says
    """Finds no class or function but those of `_KNOWN`."""

    def find_class(self, module, name):
        full = f"{module}.{name}"
        known = _KNOWN.get(full)
        if isinstance(known, type):
            return known
        # A new function each time: what a file could set on it is gone with the file.
        return (lambda *arguments: known(*arguments)) if known else _Inert(full, (_Object,), {})


def load(file, **options):                 # torch.load asks its pickle module for this and for `Unpickler`
    return Unpickler(file, **options).load()


def _named_tensors(root) -> dict[str, Tensor]:
    """The tensors of a state dict or a module, under the names and in the order of `Module.state_dict`."""
    for key in WRAPPERS:
        if isinstance(root, dict) and isinstance(root.get(key), (dict, _Object)):
            root = root[key]
    if isinstance(root, dict):
        for key, value in root.items():
            if not (isinstance(key, str) and isinstance(value, Tensor)):
                raise Fault(f"it holds a dictionary whose entry {str(key)[:80]!r} is not a tensor: no state dict")
        return dict(root)
    found, pending, names = {}, [("", root)], 0
    while pending:
        prefix, module = pending.pop()
        if not isinstance(module, _Object) or "_modules" not in vars(module):
            raise Fault(f"{prefix[:80].removesuffix('.') or 'its content'} is neither a module nor a state dict")
        parameters, buffers, children = (vars(module)[part] for part in ("_parameters", "_buffers", "_modules"))
        unsaved = vars(module).get("_non_persistent_buffers_set", ())      # older than PyTorch 1.6: all are saved
        names += len(parameters) + len(buffers) + len(children)
        if names > MAX_NAMES or len(prefix) > 500:
            raise Fault("its modules are nested without end, or absurdly many")
        for key, value in [*parameters.items(), *((k, v) for k, v in buffers.items() if k not in unsaved)]:
            if isinstance(value, Tensor):
                found[f"{prefix}{key}"] = value
            elif value is not None:
                raise Fault(f"its parameter {(prefix + str(key))[:80]!r} is not a tensor")
        pending += [(f"{prefix}{key}.", child) for key, child in reversed(children.items()) if child is not None]
    return found


def _read(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        start = file.read(200)
    if start.startswith(b"PK\x03\x04"):
        source = path
        with zipfile.ZipFile(path) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise Fault("its records are compressed, which PyTorch never does")
            if sum(info.file_size for info in archive.infolist()) > path.stat().st_size:
                raise Fault("its records are larger together than the file, so they lie over one another")
    elif LEGACY in start[:40]:
        source = io.BytesIO(path.read_bytes())         # of a file torch would first try whether it is a tar archive
    elif start.lstrip().startswith(b"<"):
        raise Fault("it is a web page, saved in place of the file: most often a page that asks to confirm the download")
    elif start.startswith(b"version https://git-lfs"):
        raise Fault("it is a pointer of git-lfs, not the file: fetch that with `git lfs pull`")
    else:
        raise Fault("it is nothing that torch.save wrote")
    with path.open("rb") as file:
        names = torch._C.PyTorchFileReader(file).get_all_records() if source is path else ()
    if "constants.pkl" in names:           # then torch.load hands the file to torch.jit.load, which runs its code
        raise Fault("it is a TorchScript archive, which holds code; nothing of it was run. Ask for the weights as a "
                    "state dict")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                # that the source of the file's classes was not found
        root = torch.load(source, map_location="cpu", weights_only=False,
                          pickle_module=type("Plain", (), {"Unpickler": Unpickler, "load": staticmethod(load)}))
    named = _named_tensors(root)
    total, size = sum(tensor.nbytes for tensor in named.values()), path.stat().st_size
    if total > MAX_GROWTH * (size + 2**17):
        raise Fault(f"its tensors would take {total:,} bytes, from a file of {size:,}")
    for name, tensor in named.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise Fault(f"its tensor {name[:80]!r} holds values that are no finite numbers; a training that diverged "
                        "leaves such weights")
    return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in named.items()}


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a published PyTorch checkpoint without running anything that the file holds.

    `path` is what `torch.save` wrote, in either of its formats, of a state dict, of a dictionary that holds one under a
    key of `WRAPPERS`, or of a module (its class need not exist).

    Returns: name -> tensor (CPU, own memory, saved dtype and shape), named and ordered as by `Module.state_dict`. A
        prefix of `PREFIXES` is removed where every name has it.
    Raises VscgError: the file cannot be read, is damaged, holds something else or numbers that are not finite, or asks
        to call anything.
    """
    if os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "").lower() in ("1", "y", "yes", "true"):
        raise VscgError(f"{path}: torch lets nothing but itself read it while TORCH_FORCE_WEIGHTS_ONLY_LOAD is set; "
                        "unset that: here nothing of a file is run either")
    try:
        tensors = _read(Path(path))
    except OSError as error:
        raise VscgError(f"{path}: cannot be read: {error.strerror or error}. Check the path.") from error
    except Fault as error:
        raise VscgError(f"Checkpoint {path} is refused: {error}. {AGAIN}") from error
    except Exception as error:             # torch's and Python's readers raise whatever they stumble over
        raise VscgError(f"Checkpoint {path} is refused: it is damaged, cut off or no PyTorch checkpoint "
                        f"({type(error).__name__}: {' '.join(str(error).split())[:150]}). {AGAIN}") from error
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors
