"""The source that a step can reach: its module and every module of the same package it imports, found by reading.

Nothing is imported to find out. Imports inside functions count, and so does a string that names a module
(``"scanmill.kernels.planar:PROJECT"``), since that is how lazy imports are written.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OURS = "scanmill"


@cache
def closure_hash(module: str) -> str:
    """The sha256 over the sources of the closure."""
    digest = hashlib.sha256()
    for name in sorted(closure(module)):
        source = _source(name)
        assert source is not None
        digest.update(name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


@cache
def closure(module: str) -> frozenset[str]:
    """The names of the modules: of scanmill, and of the step's own package where that is a plug-in."""
    packages = (OURS, module.partition(".")[0])
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and _source(name) is not None:
            found.add(name)
            waiting += [near for near in _mentions(name) if near.partition(".")[0] in packages]
    return frozenset(found)


@cache
def _mentions(name: str) -> frozenset[str]:
    """The modules that a module's source names, with the packages above each (their ``__init__`` runs too)."""
    source = _source(name)
    if source is None:
        return frozenset()
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    named = {found for node in ast.walk(ast.parse(source.read_bytes())) for found in _named(node, package)}
    return frozenset(part for found in named for part in _with_parents(found))


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, package)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(f"{OURS}."):
        word = node.value.partition(":")[0]
        if word.replace(".", "").replace("_", "").isalnum():
            yield word


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


@cache
def _source(name: str) -> Path | None:
    """Where a module's source lies, found below its top package without importing what lies between."""
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    if not rest:
        return Path(spec.origin)
    base = Path(spec.origin).parent.joinpath(*rest)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
