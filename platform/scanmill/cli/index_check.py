"""Whether a job can fill an index, asked before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scanmill.errors import SpecError

if TYPE_CHECKING:
    from scanmill.engine.spec import JobSpec, StageSpec


def check_indexes(job: JobSpec, indexes: Sequence[Path]) -> None:
    """SpecError for a job that saves no entries, and for an index of another embedding than all that it uses."""
    if not indexes:
        return
    from scanmill.retrieval import Index

    stages = [stage for stage in job.stages if _saves_entries(stage)]
    if not stages:
        raise SpecError("an index follows a job that describes its images", where=job.name,
                        do="add `embed` and {use: save, in: {image: entries}, params: {output: entries}}")  # fmt: skip
    known = list(_digests(stages))
    for folder in indexes:
        if folder.is_file():
            raise SpecError("an index is a folder", where=folder.name, got="a file")
        if folder.is_dir() and any(folder.iterdir()):
            digest = Index.open(folder).manifest.digest
            if None not in known and digest not in known:
                raise SpecError("an index of another embedding than the job's", where=folder.name,
                                expected=str(known[0])[:12], got=digest[:12])  # fmt: skip


def _saves_entries(stage: StageSpec) -> bool:
    names = {step.out.get("entries", "entries") for step in stage.steps if step.use == "embed"}
    return any(step.use == "save" and step.into.get("image", "image") in names for step in stage.steps)


def _digests(stages: Iterable[StageSpec]) -> Iterable[str | None]:
    """The embedding of each `embed`; None for one that an earlier stage learns."""
    for stage in stages:
        for step in stage.steps:
            if step.use == "embed":
                learned = step.into.get("embedding", "embedding") in stage.extra
                yield None if learned else step.resolved().found().digest  # type: ignore[attr-defined]
