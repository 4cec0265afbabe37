"""Hashes that tell whether a stored number still belongs to the code and settings at hand."""
import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def code_hash(files: Iterable[Path]) -> str:
    """SHA-256 over what Python files do: comments, docstrings and layout do not count.

    Raises:
        OSError, SyntaxError: a file cannot be read or parsed.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        digest.update(f"{file.name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def value_hash(values: object) -> str:
    """SHA-256 of anything that JSON can write, independent of the order of mapping keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
