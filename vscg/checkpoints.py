"""Reads published PyTorch checkpoints as plain data: nothing in the file is imported, called or executed.

The files are pickles, and a pickle is a small program. `_interpret` follows only the instructions that build data. An
instance of any class becomes an inert `_Object`, a function stays a name, and only the names in `CALLS` may be called.
"""
import math
import mmap
import pickletools
import struct
import zipfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import torch

from vscg.errors import VscgError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a file that torch.save wrote before version 1.6
MAX_NAMES = 20_000  # parameters, buffers and submodules of one model; VSCG has about 60
MAX_NAME_LENGTH = 500  # of a dotted name; ends modules that contain themselves, and names built from names
MAX_DIMENSIONS = 64  # of a tensor
MAX_GROWTH = 8  # bytes of all tensors per byte of the file; shared weights count once per name
DTYPES = {f"torch.{kind}Storage": dtype for kind, dtype in dict(
    Double=torch.float64, Float=torch.float32, Half=torch.float16, BFloat16=torch.bfloat16, Long=torch.int64,
    Int=torch.int32, Short=torch.int16, Char=torch.int8, Byte=torch.uint8, Bool=torch.bool).items()}
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, EOFError, RuntimeError, struct.error,
          zipfile.BadZipFile)  # what the standard readers raise when they stumble over a damaged file


class _Fault(Exception):
    """What is wrong with the file, without its name."""


class _Global(str):
    """The name of a class or function; it is never looked up."""


class _Object:
    """An instance of a class that is not loaded: only the state that the file gives it."""
    def __init__(self):
        self.state = {}
    update = extend = lambda self, items: None  # what a subclass of dict or list holds is of no interest


class _Storage(NamedTuple):
    """Where a tensor's numbers are: the record's key, and how many elements of which type it holds."""
    key: str
    dtype: torch.dtype
    numel: int


class _Tensor(NamedTuple):
    """A view of a storage, its bounds already checked."""
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None) -> _Tensor:
    # The length comes first: a file may ask for many tensors whose sizes are one long list.
    sound = len(size) == len(stride) <= MAX_DIMENSIONS and not metadata
    if not sound or not all(type(n) is int and 0 <= n < 2**63 for n in (offset, *size, *stride)):
        raise _Fault("a tensor in it has an offset, size or stride that is not supported")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.numel:
        raise _Fault(f"a tensor in it reaches element {last} of a storage that has {storage.numel}")
    return _Tensor(storage, offset, tuple(size), tuple(stride))


CALLS = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": lambda sizes=(): sizes,
    "torch.device": lambda *_: None,  # everything is read to the CPU
    "collections.OrderedDict": lambda: {},
    "builtins.set": lambda items=(): items,  # sets are read as lists; nothing is copied, so nothing can be made to grow
    "__builtin__.set": lambda items=(): items,  # its name in protocol 2
}
TAKES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2, "STACK_GLOBAL": 2, "REDUCE": 2, "NEWOBJ": 2,
         "BUILD": 1, "BINPERSID": 1,  # how many values an instruction takes from the stack; 0: all since the last mark
         "TUPLE": 0, "APPENDS": 0, "ADDITEMS": 0, "SETITEMS": 0}
MAKE = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_TUPLE": tuple, "NEWOBJ": _Object,
        "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False}
LITERALS = set("INT LONG LONG1 LONG4 BININT BININT1 BININT2 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE "
               "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8".split())


def _persistent(reference, storages: dict[str, _Storage]):
    """What a reference to something outside the pickle means: a storage, or (old files) a class with its source."""
    if reference[0] == "module":
        return reference[1]
    kind, name, key, _, numel = reference[:5]
    if not (kind == "storage" and isinstance(name, str) and isinstance(key, str) and type(numel) is int):
        raise ValueError("impossible reference to a storage")
    if name not in DTYPES or numel < 0 or any(reference[5:]):
        raise _Fault(f"it refers to a storage that is not supported: {name} of {numel} elements")
    return storages.setdefault(key, _Storage(key, DTYPES[name], numel))


def _global(parts: list) -> _Global:
    """The name of a class or function from its module's and its own; never from names that were built before."""
    if [type(part) for part in parts] != [str, str] or sum(map(len, parts)) > MAX_NAME_LENGTH:
        raise _Fault("it names a class or function by something that is no name")
    return _Global(".".join(parts))


def _interpret(stream, storages: dict[str, _Storage] | None = None):
    """Build the one value that the pickle at the stream's position describes; `storages` collects what it refers to."""
    stack, marks, memo, items = [], [], {}, []
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in TAKES:
            start = len(stack) - TAKES[name] if TAKES[name] else marks.pop()
            items, stack[start:] = stack[start:], []
        if name in LITERALS:
            stack.append(argument)
        elif name in MAKE:
            stack.append(MAKE[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name.startswith("TUPLE"):
            stack.append(tuple(items))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            # Tensors have names. Any other key gets a stand-in: hashing a deeply nested one could take for ever.
            keys = (key if isinstance(key, str) else _Object() for key in items[::2])
            stack[-1].update(zip(keys, items[1::2], strict=True))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_global(argument.split(" ", 1) if argument else items))
        elif name == "REDUCE":
            function, arguments = items
            known = function if isinstance(function, _Global) else type(function).__name__
            if known not in CALLS or len(arguments) > 9:
                raise _Fault(f"it asks to call `{known[:80]}`, which a checkpoint has no need of; nothing was run")
            stack.append(CALLS[known](*arguments))
        elif name == "BUILD":
            if isinstance(stack[-1], _Object) and isinstance(items[0], dict):
                stack[-1].state = items[0]
        elif name == "BINPERSID" and storages is not None:
            stack.append(_persistent(items[0], storages))
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise _Fault(f"its pickle holds the instruction {name}, which a checkpoint has no need of; nothing was run")


def _named_tensors(root) -> dict[str, _Tensor]:
    """The tensors of a state dict or a module, under the names and in the order of `Module.state_dict`."""
    if isinstance(root, dict):
        for key, value in root.items():
            if not (isinstance(key, str) and isinstance(value, _Tensor)):
                raise _Fault(f"it holds a dictionary whose entry {str(key)[:80]!r} is not a tensor: no state dict")
            _check_name("", key)
        return root
    found, pending, names = {}, [("", root)], 0
    while pending:
        prefix, module = pending.pop()
        if not (isinstance(module, _Object) and "_modules" in module.state):
            raise _Fault(f"{prefix[:80].removesuffix('.') or 'its content'} is neither a module nor a state dict")
        parameters, buffers, children = (module.state[part] for part in ("_parameters", "_buffers", "_modules"))
        unsaved = module.state.get("_non_persistent_buffers_set", ())  # older than PyTorch 1.6: all are saved
        names += len(parameters) + len(buffers) + len(children) + len(unsaved)
        if names > MAX_NAMES:
            raise _Fault("its modules are nested without end, or absurdly many")
        for key in (*parameters, *buffers, *children):
            _check_name(prefix, key)
        for key, value in [*parameters.items(), *((k, v) for k, v in buffers.items() if k not in unsaved)]:
            if isinstance(key, str) and isinstance(value, _Tensor):
                found[f"{prefix}{key}"] = value
            elif value is not None:
                raise _Fault(f"its parameter {(prefix + str(key))[:80]!r} is not a tensor")
        pending += [(f"{prefix}{key}.", child) for key, child in reversed(children.items()) if child is not None]
    return found


def _check_name(prefix: str, key: object) -> None:
    """Refuses what is no name or too long: it is written out once for each module that holds it."""
    if not isinstance(key, str) or len(prefix) + len(key) > MAX_NAME_LENGTH:
        raise _Fault("its names are no texts or too long, or its modules are nested without end")


def _materialise(root, read_storage, file_size: int) -> dict[str, torch.Tensor]:
    named = _named_tensors(root)
    total = sum(math.prod(tensor.size) * tensor.storage.dtype.itemsize for tensor in named.values())
    if total > MAX_GROWTH * (file_size + 2**17):
        raise _Fault(f"its tensors would take {total:,} bytes, from a file of {file_size:,}")
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
                raise _Fault(f"it holds a record with the suspicious name {name[:80]!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise _Fault(f"its record {name[:80]!r} is compressed, which PyTorch never does")
        if len(records) != len(archive.infolist()) or sum(info.file_size for info in records.values()) > file_size:
            raise _Fault("its records overlap, or claim to be larger than the file")
        if f"{top}/byteorder" in records and archive.read(f"{top}/byteorder") != b"little":
            raise _Fault("its numbers are big-endian, which is not supported")
        root = _interpret(BytesIO(archive.read(f"{top}/data.pkl")), {})
        return _materialise(root, lambda storage: archive.read(f"{top}/data/{storage.key}"), file_size)


def _read_legacy(file, file_size: int) -> dict[str, torch.Tensor]:
    """The older format: five pickles (magic, version, machine, value, storage keys), then each storage's numbers."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if _interpret(data) != LEGACY_MAGIC or _interpret(data) != 1001:
            raise _Fault("it is a pickle, but not one that torch.save wrote")
        machine, storages, starts = _interpret(data), {}, {}
        if not machine["little_endian"]:
            raise _Fault("its numbers are big-endian, which is not supported")
        root = _interpret(data, storages)
        for key in _interpret(data):
            storage = storages[key] if isinstance(key, str) else None
            claimed, = struct.unpack("<q", data.read(8))
            starts[key], end = data.tell(), data.tell() + claimed * storage.dtype.itemsize
            if claimed != storage.numel or end > file_size:
                raise _Fault(f"its storage {key[:40]!r} claims {claimed:,} elements; it is damaged or cut off")
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
    except (_Fault, *DAMAGE) as error:
        reason = (error if isinstance(error, _Fault) else
                  f"it is damaged, cut off or no PyTorch checkpoint ({_short(error)})")
        raise VscgError(f"Checkpoint {path} is refused: {reason}. Get it again from where its authors publish it, "
                        "and do not open it with torch.load.") from error
    prefix = "module." if all(name.startswith("module.") for name in tensors) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
