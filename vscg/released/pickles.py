"""Follows a pickle's instructions as far as they build data: nothing is imported, called or executed.

A pickle is a small program. An instance of any class becomes an inert `Object`, a function stays a name, and only the
names in `CALLS` may be called.
"""
import pickletools
from typing import NamedTuple

import torch

MAX_NAME_LENGTH = 500  # of a dotted name; ends modules that contain themselves, and names built from names
MAX_DIMENSIONS = 64  # of a tensor
DTYPES = {f"torch.{kind}Storage": dtype for kind, dtype in dict(
    Double=torch.float64, Float=torch.float32, Half=torch.float16, BFloat16=torch.bfloat16, Long=torch.int64,
    Int=torch.int32, Short=torch.int16, Char=torch.int8, Byte=torch.uint8, Bool=torch.bool).items()}


class Fault(Exception):
    """What is wrong with the file, without its name."""


class _Global(str):
    """The name of a class or function; it is never looked up."""


class Object:
    """An instance of a class that is not loaded: only the state that the file gives it."""
    def __init__(self):
        self.state = {}
    update = extend = lambda self, items: None  # what a subclass of dict or list holds is of no interest


class Storage(NamedTuple):
    """Where a tensor's numbers are: the record's key, and how many elements of which type it holds."""
    key: str
    dtype: torch.dtype
    numel: int


class View(NamedTuple):
    """A view of a storage, its bounds already checked."""
    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None) -> View:
    # The length comes first: a file may ask for many tensors whose sizes are one long list.
    sound = len(size) == len(stride) <= MAX_DIMENSIONS and not metadata
    if not sound or not all(type(n) is int and 0 <= n < 2**63 for n in (offset, *size, *stride)):
        raise Fault("a tensor in it has an offset, size or stride that is not supported")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.numel:
        raise Fault(f"a tensor in it reaches element {last} of a storage that has {storage.numel}")
    return View(storage, offset, tuple(size), tuple(stride))


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
MAKE = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_TUPLE": tuple, "NEWOBJ": Object,
        "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False}
LITERALS = set("INT LONG LONG1 LONG4 BININT BININT1 BININT2 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE "
               "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8".split())


def _persistent(reference, storages: dict[str, Storage]):
    """What a reference to something outside the pickle means: a storage, or (old files) a class with its source."""
    if reference[0] == "module":
        return reference[1]
    kind, name, key, _, numel = reference[:5]
    if not (kind == "storage" and isinstance(name, str) and isinstance(key, str) and type(numel) is int):
        raise ValueError("impossible reference to a storage")
    if name not in DTYPES or numel < 0 or any(reference[5:]):
        raise Fault(f"it refers to a storage that is not supported: {name} of {numel} elements")
    return storages.setdefault(key, Storage(key, DTYPES[name], numel))


def _global(parts: list) -> _Global:
    """The name of a class or function from its module's and its own; never from names that were built before."""
    if [type(part) for part in parts] != [str, str] or sum(map(len, parts)) > MAX_NAME_LENGTH:
        raise Fault("it names a class or function by something that is no name")
    return _Global(".".join(parts))


def interpret(stream, storages: dict[str, Storage] | None = None):
    """Build the one value that the pickle at the stream's position describes; `storages` collects what it refers to.

    Raises:
        Fault: it asks for something that a checkpoint has no need of.
        ValueError, LookupError, TypeError, AttributeError, OverflowError, EOFError: it is damaged.
    """
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
            keys = (key if isinstance(key, str) else Object() for key in items[::2])
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
                raise Fault(f"it asks to call `{known[:80]}`, which a checkpoint has no need of; nothing was run")
            stack.append(CALLS[known](*arguments))
        elif name == "BUILD":
            if isinstance(stack[-1], Object) and isinstance(items[0], dict):
                stack[-1].state = items[0]
        elif name == "BINPERSID" and storages is not None:
            stack.append(_persistent(items[0], storages))
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise Fault(f"its pickle holds the instruction {name}, which a checkpoint has no need of; nothing was run")
