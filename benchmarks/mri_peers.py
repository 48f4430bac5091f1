"""BART by its command and files, SigPy by its apps, finufft as it comes: each with its own convention, and no other."""

import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np


class Bart:
    """BART in a folder of its own; ``seconds`` are the wall and CPU seconds of its last process, files included."""

    def __init__(self, threads):
        self._folder = tempfile.TemporaryDirectory()
        self.folder, self.environment = Path(self._folder.name), {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.version = subprocess.run(["bart", "version"], check=True, capture_output=True, text=True).stdout.strip()

    def write(self, **arrays):
        """Arrays (..., z, y, x) in memory order as files, whose axes BART counts from the last."""
        for name, array in arrays.items():
            sizes = " ".join(map(str, reversed(array.shape)))
            (self.folder / f"{name}.hdr").write_text(f"# Dimensions\n{sizes}\n")
            np.ascontiguousarray(array, dtype=np.complex64).tofile(self.folder / f"{name}.cfl")

    def write_scene(self, scene, middle=0):
        """One slice: ``k``, ``maps`` and, where there is one, the trajectory ``traj``."""
        k = scene.y[middle] if scene.scan.trajectory is None else scene.y[middle][..., None]
        self.write(k=k, maps=scene.sensitivities[middle, 0])
        if scene.scan.trajectory is not None:
            self.write(traj=np.pad(scene.points, [(0, 0), (0, 0), (0, 3 - scene.points.shape[-1])]))

    def read(self, name, shape):
        """The array of a file."""
        return np.fromfile(self.folder / f"{name}.cfl", np.complex64).reshape(shape)

    def run(self, *words):
        """``bart`` with these words, on the clock."""
        self.seconds = seconds_of(["bart", *map(str, words)], cwd=self.folder, env=self.environment)

    def pics(self, scene, *words):
        """The image (1, 1, z, y, x) of the slice that was written, on the data's own scale."""
        trajectory = [] if scene.scan.trajectory is None else ["-t", "traj"]
        self.run("pics", "-w1", *words, *trajectory, "k", "maps", "x")
        return self.read("x", (1, 1, *scene.sensitivities.shape[3:]))


def seconds_of(command, **where):
    """Wall and CPU seconds of a process."""
    start = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, **where)
    wall, used = time.perf_counter() - start[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, sum(getattr(used, kind) - getattr(start[1], kind) for kind in ("ru_utime", "ru_stime"))


def sigpy_app(name, scene, middle=0, **knobs):
    """A function that runs an app of SigPy's on one slice: its image (1, 1, z, y, x)."""
    from sigpy import mri

    if scene.scan.trajectory is None:
        y = scene.y[middle][:, 0]
    else:
        y, knobs["coord"] = scene.y[middle], np.ascontiguousarray(scene.points[..., ::-1], dtype=np.float32)
    maps = scene.sensitivities[middle, 0, :, 0]
    return lambda: getattr(mri.app, name)(y, maps, show_pbar=False, **knobs).run()[None, None, None]


def finufft_pair(points, n, n_coils, eps, threads, dtype="complex64"):
    """The transform of images (1, coil, 1, n, n) and its adjoint by two plans of finufft, all coils at once."""
    import finufft

    radians = [np.ascontiguousarray(2 * np.pi / n * a, np.finfo(dtype).dtype) for a in points.reshape(-1, 2).T]
    plans = [
        finufft.Plan(kind, (n, n), n_coils, eps, sign, dtype, nthreads=threads) for kind, sign in ((2, -1), (1, 1))
    ]
    for plan in plans:
        plan.setpts(*radians[::-1])
    samples = (1, n_coils, *points.shape[:2])
    return (
        lambda x: (plans[0].execute(x[0, :, 0]) / n).reshape(samples),
        lambda y: (plans[1].execute(y.reshape(n_coils, -1)) / n).reshape(1, n_coils, 1, n, n),
    )
