"""A run's key: a hash of its configuration, of its data, and of what the code that shapes its numbers does.

The code is taken definition by definition: from those that compute a run's numbers, names are followed to the classes,
functions and constants that they use. Where a definition stands does not count, nor what it says to a reader (layout,
comments, docstrings, annotations), nor what it refuses (a guard that only raises an error). Names outside `ROOMS`
are not followed: how data are read and what the machine does (threads, bf16 instructions, numbers below 1.2e-38) do not
count.
"""
import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from vscg.machine.files import value_hash
from vscg.models import SYSTEMS
from vscg.training.config import RunConfig

PACKAGE = Path(__file__).parent.parent
ROOTS = ("vscg.training.loop.Run", "vscg.training.batches.Features", "vscg.training.batches.arithmetic")
ROOMS = ("vscg.models", "vscg.training", "vscg.data.labels", "vscg.machine.graphs", "vscg.machine.rounding")
# What these find by a system's name, the configuration holds: the model's class, and the loss.
REGISTRIES = ("build_model", "check_system", "published_loss")


def run_key(config: RunConfig, fingerprint: str) -> str:
    """16 hex digits over a resolved configuration, the data's fingerprint and the code that shapes the numbers.

    The data set's name and the profile's do not count: they have become the fingerprint and the other fields.
    """
    shaping = {name: value for name, value in config.to_json().items() if name not in ("data", "profile")}
    return value_hash([shaping, fingerprint, shaping_code(config.system)])[:16]


@cache
def shaping_code(system: str) -> str:
    """Hash of the code that shapes a system's numbers: as it is when first asked, like the modules in memory."""
    model = SYSTEMS[system].build
    texts = definitions([f"{model.__module__}.{model.__qualname__}", *ROOTS]).values()
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def definitions(names: Iterable[str], package: Path = PACKAGE) -> dict[str, str]:
    """What the definitions of these names (package.module.name) and all that they use do: name to text."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        module, _, own = name.rpartition(".")
        file = package.parent.joinpath(*module.split("."), "__init__.py")
        file = file if file.is_file() else file.parent.with_suffix(".py")
        if name in found or own in REGISTRIES or not module.startswith(ROOMS) or not file.is_file():
            continue
        defined, imported = _read(file)
        if own in imported:
            waiting.append(imported[own])
        elif own in defined:
            found[name] = "\n".join(map(_text, defined[own]))
            for node in (part for statement in defined[own] for part in ast.walk(statement)):
                if isinstance(node, ast.Name):
                    waiting.append(imported.get(node.id, f"{module}.{node.id}"))
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    waiting.append(f"{imported.get(node.value.id, '')}.{node.attr}")
    return found


@cache
def _read(file: Path) -> tuple[dict[str, list[ast.stmt]], dict[str, str]]:
    """A module's own names with the statements that define them; imported ones with theirs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) for alias in node.names}
    defined: dict[str, list[ast.stmt]] = {}
    for statement in _Deeds().visit(tree).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            own = [statement.name]
        else:
            inner = {id(node) for part in ast.walk(statement) if isinstance(part, ast.comprehension)
                     for node in ast.walk(part.target)}              # variables of a comprehension, not of the module
            own = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)
                   and isinstance(node.ctx, ast.Store) and id(node) not in inner}
        for name in own:
            defined.setdefault(name, []).append(statement)
    return defined, imported


class _Deeds(ast.NodeTransformer):
    """Takes out of a syntax tree what does nothing but speak or refuse."""

    def generic_visit(self, node: ast.AST) -> ast.AST | None:
        super().generic_visit(node)
        for name in ("annotation", "returns", "kind"):
            if getattr(node, name, None) is not None:
                setattr(node, name, None)
        if getattr(node, "body", True) == []:
            if isinstance(node, ast.If) and not node.orelse:
                return None
            node.body = [ast.Pass()]
        return node

    def visit_Raise(self, node: ast.Raise) -> None:
        return None

    visit_Import = visit_ImportFrom = visit_Raise

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        words = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if words else self.generic_visit(node)


def _text(node: object) -> str:
    """A syntax tree as text that no version of Python writes otherwise: what is empty is left out."""
    if isinstance(node, ast.AST):
        parts = [f"{name}={_text(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({', '.join(parts)})"
    return f"[{', '.join(map(_text, node))}]" if isinstance(node, list) else repr(node)
