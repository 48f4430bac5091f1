"""Registration beside greedy, ANTsPy, SimpleITK and elastix on pairs with a known map: errors, then seconds and memory.

    python benchmarks/bench_registration.py [--seeds 5] [--only rigid,mono,multi,fine,fusion] [--peers greedy,elastix]

The tools take turns, every run in a process of its own with the same number of threads; the clock runs while the tool
looks for its map, not while it is loaded. Files are written after every section, with what there is. Needs the extra
[bench] and SCANMILL_DATA.
"""

import argparse
import datetime as dt
import os
import platform
import time
from pathlib import Path

from registration_fusion import fused
from registration_process import PeerError, run
from registration_scenes import scene
from registration_tables import Case, lines, repeated, row, scene_facts

RIGID, DEFORMED = "Scanmill, rigid", "Scanmill, affine + greedy"
CASES = {
    "rigid": Case(
        "Rigid, contrast inverted",
        "rigid",
        (RIGID, "greedy, 6 dof NMI", "ANTsPy, rigid", "SimpleITK, Euler MI", "elastix, rigid"),
        reach=(("rms", 0.07), ("cpu_s", 2.8)),
    ),
    "mono": Case(
        "Affine and deformed, same contrast",
        "mono",
        (
            DEFORMED,
            "greedy, NCC 4³",
            "greedy, NCC 2³",
            "ANTsPy, SyNQuick",
            "ANTsPy, SyN",
            "ANTsPy, affine",
            "SimpleITK, demons",
            "elastix, B-spline MI",
        ),
        once=("ANTsPy, affine", "SimpleITK, demons", "elastix, B-spline MI"),
        reach=(("rms", 0.86), ("parcels", 0.85), ("folded", 0.0), ("cpu_s", 20.0)),
    ),
    "multi": Case(
        "Affine and deformed, contrast inverted",
        "multi",
        (DEFORMED, "greedy, NMI", "greedy, NMI, smooth", "ANTsPy, SyNQuick", "elastix, B-spline MI"),
        reach=(("rms", 1.8), ("cpu_s", 11.0)),
    ),
}
FINE = Case("Affine and deformed, same contrast, 1 mm", "mono", (DEFORMED, "greedy, NCC 4³"))


def judged(case, seeds, threads, peers, spacing_mm=2.0):
    """The section of a case: all its tools on all the seeds."""
    rows, failures, scenes = {tool: [] for tool in case.tools}, [], []
    for number, seed in enumerate(seeds):
        pair = scene(case.kind, seed, spacing_mm)
        scenes.append(pair)
        for tool in case.tools:
            if not _wanted(tool, peers) or (number and tool in case.once):
                continue
            try:
                rows[tool].append(row(pair, run(tool, pair, threads)))
                told = f"RMS {rows[tool][-1].rms:.3f} mm, {rows[tool][-1].cpu_s:.1f} CPU s"
            except PeerError as failed:
                told = f"failed on seed {seed}: {failed}"
                failures.append((tool, told))
            print(f"{pair.title}, {tool}: {told}", flush=True)
    facts = [*scene_facts(scenes)]
    if spacing_mm > 1:
        facts += repeated([t for t in (case.ours, case.rival) if _wanted(t, peers)], scenes[0], threads)
    return lines(case, rows, failures, facts)


def _wanted(tool, peers):
    return peers is None or any(peer.strip().lower() in tool.lower() for peer in peers)


def sections(options):
    """Each section as it is done."""
    seeds, chosen = range(options.seeds), options.only.split(",")
    peers = options.peers and options.peers.split(",")
    for name in chosen:
        if name == "fine":
            yield judged(FINE, range(1), options.threads, peers, spacing_mm=1.0)
        elif name == "fusion":
            yield fused()
        else:
            yield judged(CASES[name], seeds, options.threads, peers)


def main():
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="rigid,mono,multi,fine,fusion")
    parser.add_argument("--peers", help="parts of tools' names, such as greedy,scanmill; all without it")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    today, machine = dt.datetime.now(tz=dt.UTC).date(), platform.node() or "machine"
    started, body = time.perf_counter(), []
    options.out.mkdir(parents=True, exist_ok=True)
    for section in sections(options):
        body += section
        facts = (
            f"{platform.processor() or platform.machine()}, {options.threads} threads for every tool, {options.seeds} "
            f"seeds, load {os.getloadavg()[0]:.1f}, {time.perf_counter() - started:.0f} s in all. "
            "`make bench-registration`"
        )
        note = (
            "Medians over the seeds. Distances are from the known map over the brain's voxels; every tool is judged by "
            "warping the moving image's coordinates itself. CPU seconds are of all threads while the map is looked for."
        )
        text = "\n".join([f"# Registration, {today}, {machine}", "", facts, "", note, "", *body])
        (options.out / f"registration-{today}-{machine}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
