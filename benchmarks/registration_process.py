"""A tool on a pair in a process of its own: what it found, the seconds that this took, and the process's memory."""

import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanmill.geometry import VolumeGeometry

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
SCRIPT = Path(__file__).with_name("registration_peers.py")
LIMIT_S = 1800


@dataclass(frozen=True)
class Found:
    """Coordinates (z, y, x, 3) in LPS mm, what finding the map took, and the process's largest memory."""

    coordinates: np.ndarray
    wall_s: float
    cpu_s: float
    rss_mib: float


class PeerError(Exception):
    """The tool's process died, or was not done in time."""


def run(tool: str, scene, threads: int) -> Found:
    """The tool on a scene, in a process with so many threads."""
    with tempfile.TemporaryDirectory() as folder:
        pair, found = Path(folder) / "pair", Path(folder) / "found"
        pair.write_bytes(pickle.dumps((scene.fixed, scene.moving)))
        command = [sys.executable, str(SCRIPT), tool, str(pair), str(found)]
        where = {"cwd": folder, "env": {**os.environ, **dict.fromkeys(THREADS, str(threads))}}
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S, **where)
        except subprocess.CalledProcessError as died:
            last = (died.stderr.strip().splitlines() or ["no message"])[-1]
            raise PeerError(f"ended with {died.returncode}: {last[:120]}") from died
        except subprocess.TimeoutExpired as late:
            raise PeerError(f"not done within {LIMIT_S} s") from late
        return pickle.loads(found.read_bytes())


def answer(tool, pair: str, found: str) -> None:
    """In that process: write what the tool finds."""
    clock, images = Clock(), pickle.loads(Path(pair).read_bytes())
    coordinates = tool(*images, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(found).write_bytes(pickle.dumps(Found(coordinates, *clock.seconds, peak)))


class Clock:
    """Wall and CPU seconds of all threads of this process, within ``with clock():``."""

    seconds = (0.0, 0.0)

    @contextmanager
    def __call__(self):
        start = time.perf_counter(), time.process_time()
        yield
        self.seconds = time.perf_counter() - start[0], time.process_time() - start[1]


def coordinate_images(grid: VolumeGeometry) -> list[np.ndarray]:
    """x, y and z of the grid's voxels, in float32."""
    return [np.ascontiguousarray(a) for a in np.moveaxis(grid.voxel_points().astype(np.float32), -1, 0)]
