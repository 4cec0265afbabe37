"""Reads published PyTorch checkpoints as plain data: nothing in the file is imported, called or executed.

The files hold pickles, which are small programs; `vscg.released.pickles` follows only the instructions that build data.
"""
import math
import mmap
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import torch

from vscg.errors import VscgError
from vscg.released.pickles import MAX_NAME_LENGTH, Fault, Object, View, interpret

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a file that torch.save wrote before version 1.6
MAX_NAMES = 20_000  # parameters, buffers and submodules of one model; VSCG has about 60
MAX_GROWTH = 8  # bytes of all tensors per byte of the file; shared weights count once per name
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, EOFError, RuntimeError, struct.error,
          zipfile.BadZipFile)  # what the standard readers raise when they stumble over a damaged file


def _named_tensors(root) -> dict[str, View]:
    """The tensors of a state dict or a module, under the names and in the order of `Module.state_dict`."""
    if isinstance(root, dict):
        for key, value in root.items():
            if not (isinstance(key, str) and isinstance(value, View)):
                raise Fault(f"it holds a dictionary whose entry {str(key)[:80]!r} is not a tensor: no state dict")
            _check_name("", key)
        return root
    found, pending, names = {}, [("", root)], 0
    while pending:
        prefix, module = pending.pop()
        if not (isinstance(module, Object) and "_modules" in module.state):
            raise Fault(f"{prefix[:80].removesuffix('.') or 'its content'} is neither a module nor a state dict")
        parameters, buffers, children = (module.state[part] for part in ("_parameters", "_buffers", "_modules"))
        unsaved = module.state.get("_non_persistent_buffers_set", ())  # older than PyTorch 1.6: all are saved
        names += len(parameters) + len(buffers) + len(children) + len(unsaved)
        if names > MAX_NAMES:
            raise Fault("its modules are nested without end, or absurdly many")
        for key in (*parameters, *buffers, *children):
            _check_name(prefix, key)
        for key, value in [*parameters.items(), *((k, v) for k, v in buffers.items() if k not in unsaved)]:
            if isinstance(key, str) and isinstance(value, View):
                found[f"{prefix}{key}"] = value
            elif value is not None:
                raise Fault(f"its parameter {(prefix + str(key))[:80]!r} is not a tensor")
        pending += [(f"{prefix}{key}.", child) for key, child in reversed(children.items()) if child is not None]
    return found


def _check_name(prefix: str, key: object) -> None:
    """Refuses what is no name or too long: it is written out once for each module that holds it."""
    if not isinstance(key, str) or len(prefix) + len(key) > MAX_NAME_LENGTH:
        raise Fault("its names are no texts or too long, or its modules are nested without end")


def _materialise(root, read_storage, file_size: int) -> dict[str, torch.Tensor]:
    named = _named_tensors(root)
    total = sum(math.prod(tensor.size) * tensor.storage.dtype.itemsize for tensor in named.values())
    if total > MAX_GROWTH * (file_size + 2**17):
        raise Fault(f"its tensors would take {total:,} bytes, from a file of {file_size:,}")
    flat, result = {}, {}  # storage key -> all its numbers; name -> tensor
    for name, (storage, offset, size, stride) in named.items():
        if storage.key not in flat:
            numbers = bytearray(read_storage(storage)) if storage.numel else bytearray(8)
            flat[storage.key] = torch.frombuffer(numbers, dtype=storage.dtype, count=storage.numel or 1)
        view = flat[storage.key].as_strided(size, stride, 0 if 0 in size else offset)
        result[name] = view.clone(memory_format=torch.contiguous_format)
    return result


def _read_zip(file, file_size: int) -> dict[str, torch.Tensor]:
    """The format of torch.save since version 1.6: an uncompressed zip with `data.pkl` and one record per storage."""
    with zipfile.ZipFile(file) as archive:
        records = {info.filename: info for info in archive.infolist()}
        top = next(iter(records), "").split("/")[0]
        for name, info in records.items():
            if not name.startswith(f"{top}/") or {"", ".", ".."} & set(name.split("/")) or "\\" in name:
                raise Fault(f"it holds a record with the suspicious name {name[:80]!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise Fault(f"its record {name[:80]!r} is compressed, which PyTorch never does")
        if len(records) != len(archive.infolist()) or sum(info.file_size for info in records.values()) > file_size:
            raise Fault("its records overlap, or claim to be larger than the file")
        if f"{top}/byteorder" in records and archive.read(f"{top}/byteorder") != b"little":
            raise Fault("its numbers are big-endian, which is not supported")
        root = interpret(BytesIO(archive.read(f"{top}/data.pkl")), {})
        return _materialise(root, lambda storage: archive.read(f"{top}/data/{storage.key}"), file_size)


def _read_legacy(file, file_size: int) -> dict[str, torch.Tensor]:
    """The older format: five pickles (magic, version, machine, value, storage keys), then each storage's numbers."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if interpret(data) != LEGACY_MAGIC or interpret(data) != 1001:
            raise Fault("it is a pickle, but not one that torch.save wrote")
        machine, storages, starts = interpret(data), {}, {}
        if not machine["little_endian"]:
            raise Fault("its numbers are big-endian, which is not supported")
        root = interpret(data, storages)
        for key in interpret(data):
            storage = storages[key] if isinstance(key, str) else None
            claimed, = struct.unpack("<q", data.read(8))
            starts[key], end = data.tell(), data.tell() + claimed * storage.dtype.itemsize
            if claimed != storage.numel or end > file_size:
                raise Fault(f"its storage {key[:40]!r} claims {claimed:,} elements; it is damaged or cut off")
            data.seek(end)
        return _materialise(root, lambda s: data[starts[s.key]:starts[s.key] + s.numel * s.dtype.itemsize], file_size)


def _short(error: Exception) -> str:
    """What went wrong, in a line; an error may hold the whole file, or a value that takes for ever to print."""
    text = error.reason if isinstance(error, UnicodeError) else str(error.args[0])[:100] if error.args else ""
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def read_checkpoint(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a published PyTorch checkpoint without running anything that the file holds.

    Args:
        path: what `torch.save` wrote, in either of its formats, of a state dict or a module (its class need not exist).

    Returns:
        name -> tensor (CPU, own memory, saved dtype and shape), named and ordered as by `Module.state_dict`. The prefix
        `module.` that DataParallel adds is removed where every name has it.

    Raises:
        VscgError: the file cannot be read, is damaged, holds something else, or asks to call anything.
    """
    try:
        with open(path, "rb") as file:
            file_size = Path(path).stat().st_size
            read = _read_zip if file.peek(4).startswith(b"PK\x03\x04") else _read_legacy
            tensors = read(file, file_size)
    except OSError as error:
        raise VscgError(f"{path}: cannot be read: {error.strerror or error}. Check the path.") from error
    except (Fault, *DAMAGE) as error:
        reason = (error if isinstance(error, Fault) else
                  f"it is damaged, cut off or no PyTorch checkpoint ({_short(error)})")
        raise VscgError(f"Checkpoint {path} is refused: {reason}. Get it again from where its authors publish it, "
                        "and do not open it with torch.load.") from error
    prefix = "module." if all(name.startswith("module.") for name in tensors) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
