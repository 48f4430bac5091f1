"""Every file below a root, in order, and no way out of it."""

from __future__ import annotations

import os
from pathlib import Path

from scanmill.cohort.found_row import Problem, Root
from scanmill.errors import SpecError

NOT_SCANS = frozenset({".DS_Store", "Thumbs.db", "DICOMDIR"})


def open_roots(paths: list[Path]) -> list[Root]:
    """The folders under their names: ``data``, or ``data1``, ``data2`` ... (a folder's own name may be a person's).

    A file stands for its folder, of which only such files are looked at.
    """
    only: dict[Path, set[str]] = {}
    for path in paths:
        if not path.exists():
            raise SpecError("no such folder", got=path.name, do="give folders or files that are scans")
        folder, name = (path, "") if path.is_dir() else (path.parent, path.name)
        only.setdefault(folder.resolve(), set()).add(name)
    for one in only:
        if any(one is not other and one.is_relative_to(other) for other in only):
            raise SpecError("one of the folders lies in another", got=one.name, do="give the outer one only")
    names = ["data"] if len(only) == 1 else [f"data{number}" for number in range(1, len(only) + 1)]
    return [
        Root(name, folder, frozenset() if "" in files else frozenset(files))
        for name, (folder, files) in zip(names, only.items(), strict=True)
    ]


def list_files(root: Root) -> tuple[list[str], list[Problem]]:
    """Relative paths, sorted; links that lead out of the root and folders that cannot be listed are problems."""
    found: list[str] = []
    problems: list[Problem] = []

    def unlisted(error: OSError) -> None:
        problems.append(Problem.of(error, root, _relative(Path(error.filename), root)))

    for folder, folders, names in os.walk(root.folder, onerror=unlisted, followlinks=False):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        if root.only:
            folders.clear()
        for name in sorted([*names, *links]):
            path = Path(folder) / name
            reason = _refused(path, root)
            if reason:
                problems.append(Problem(root.name, _relative(path, root), "InputError", reason))
            elif name not in links and _is_wanted(name, root):
                found.append(_relative(path, root))
    return sorted(found), problems


def _is_wanted(name: str, root: Root) -> bool:
    return name in root.only if root.only else name not in NOT_SCANS and not name.startswith("._")


def _refused(path: Path, root: Root) -> str:
    try:
        path.name.encode()
        if path.is_symlink():
            if not path.resolve().is_relative_to(root.folder):
                return "a link leads out of the folder"
            if path.is_dir():
                return "a link to a folder is not followed"
        return "" if path.is_file() or path.is_dir() else "not a regular file"
    except UnicodeError:
        return "the file's name is not UTF-8"
    except (OSError, RuntimeError):
        return "a link that leads nowhere"


def _relative(path: Path, root: Root) -> str:
    """POSIX style, with what is not UTF-8 made visible."""
    relative = path.relative_to(root.folder).as_posix() if path.is_relative_to(root.folder) else path.name
    return relative.encode(errors="backslashreplace").decode()
