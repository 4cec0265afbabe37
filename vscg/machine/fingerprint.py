"""Hashes that tell whether a stored number still belongs to the code and settings at hand."""
import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def code_hash(files: Iterable[Path]) -> str:
    """SHA-256 over what Python files do: their names, imports, comments, docstrings and layout do not count.

    Raises:
        OSError, SyntaxError: a file cannot be read or parsed.
    """
    dumps = []
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        dumps += [ast.dump(node) for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return hashlib.sha256("\n".join(sorted(dumps)).encode()).hexdigest()


def value_hash(values: object) -> str:
    """SHA-256 of anything that JSON can write, independent of the order of mapping keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
