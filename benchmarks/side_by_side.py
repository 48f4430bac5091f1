"""Several tools for one job, by turns: agreement first, then the medians of wall and CPU seconds, and their ratios."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from bench_projection import inner, relative, since, wall_and_cpu

BAND = 0.1
"""Ratios this near to 1, or to their reach, are called the same."""
HEAD = (
    "| operation | tool | wall s (median) | CPU s (median) | wall s (least) | n | ours / theirs, wall | CPU | reach | |"
)


def trimmed(found, reference):
    """The relative difference, of volumes without their border, where the tools disagree; of projections whole."""
    if found.shape[-1] == found.shape[-2]:
        found, reference = inner(found), inner(reference)
    return relative(found, reference)


@dataclass
class Tool:
    """One tool's way to do an operation; ``own`` gives the seconds by its own clock. A slow one runs ``once``.

    ``reach`` is what our wall and CPU seconds over the tool's are to be. One that did a part of the job, of which there
    are so many alike, says it by ``parts``: its seconds count so many times.
    """

    name: str
    run: Callable
    own: object = None
    once: bool = False
    reach: tuple = ()
    parts: int = 1

    def __call__(self):
        start = wall_and_cpu()
        result = self.run()
        return result, [self.parts * s for s in (self.own.seconds if self.own else since(start))]


@dataclass
class Operation:
    """Tools for one job, ours first; ``error`` and ``difference`` compare what they give with the truth and ours."""

    title: str
    truth: np.ndarray
    tools: list
    what: str = "error against the phantom"
    error: Callable = relative
    difference: Callable = trimmed

    def judged(self, repeats):
        """The lines of agreement, and the table's rows."""
        seconds, results = {tool.name: [] for tool in self.tools}, {}
        for tool in self.tools:
            if not tool.once:
                results[tool.name] = np.array(tool()[0])  # compiled and warm
        for turn in range(repeats):
            for tool in self.tools:
                if turn == 0 or not tool.once:
                    result, clock = tool()
                    seconds[tool.name].append(clock)
                    results.setdefault(tool.name, np.array(result))
        return self._errors(results), self._rows(seconds)

    def _errors(self, results):
        ours = results[self.tools[0].name]
        for name, found in results.items():
            line = f"- {self.title}, {name}:"
            if self.truth is not None and found.shape == self.truth.shape:
                line += f" {self.what} {self.error(found, self.truth):.3g};"
            if found is ours:
                yield line.rstrip(";")
            elif found.shape == ours.shape:
                yield f"{line} differs from ours by {self.difference(found, ours):.1e}"

    def _rows(self, seconds):
        wall, cpu = ({k: statistics.median(s[i] for s in v) for k, v in seconds.items()} for i in (0, 1))
        ours = self.tools[0].name
        for i, (tool, (name, clocks)) in enumerate(zip(self.tools, seconds.items(), strict=True)):
            cells = [self.title, name, *(f"{s:.3f}" for s in (wall[name], cpu[name], min(c[0] for c in clocks)))]
            cells.append(str(len(clocks)))
            if i:
                ratios = wall[ours] / wall[name], cpu[ours] / cpu[name]
                cells += [f"**{ratios[0]:.2f}**", f"{ratios[1]:.2f}", *verdict(ratios, tool.reach)]
            else:
                cells += [""] * 4
            yield "| " + " | ".join(cells) + " |"


def verdict(ratios, reach):
    """What was to be reached, and in a word whether it was."""
    asked = [(r, goal, kind) for r, goal, kind in zip(ratios, reach, ("wall", "CPU"), strict=False) if goal]
    if not asked:
        word = "faster" if ratios[0] < 1 - BAND else "slower" if ratios[0] > 1 + BAND else "the same"
        return "", word
    worst = max(r / goal for r, goal, _ in asked)
    word = "reached" if worst <= 1 else f"within {BAND:.0%}" if worst <= 1 + BAND else "missed"
    return ", ".join(f"{goal:.2g} {kind}" for _, goal, kind in asked), word


def section(title, operations, repeats):
    """Agreement and errors first, then the times."""
    errors, rows = [], []
    for operation in operations:
        lines, table = operation.judged(repeats)
        errors += lines
        rows += table
        print(operation.title, *errors[-len(operation.tools) :], sep="\n  ", flush=True)
    return [f"## {title}", "", *errors, "", HEAD, "|---" * 10 + "|", *rows, ""]
