"""Other tools on a pair, each by its own recipe and judged by its own warping; every run is a process of its own.

    python benchmarks/registration_peers.py TOOL PAIR FOUND

A tool is a function of the fixed and the moving image and a clock: it finds its map while the clock runs, and gives
back the moving image's x, y and z, warped to the fixed grid by itself. So no convention of files or axes can fool the
judge. All get the images alone, no mask, and the start that they are: the identity.
"""

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
LIMIT_S = 1800
SEED = 20
MIB = 2**20


@dataclass(frozen=True)
class Found:
    """Coordinates (z, y, x, 3) in LPS mm, what finding the map took, and the process's largest memory."""

    coordinates: np.ndarray
    wall_s: float
    cpu_s: float
    rss_mib: float


class PeerError(Exception):
    """The tool's process died, or found nothing."""


def run(tool: str, scene, threads: int) -> Found:
    """The tool on a scene, in a process with so many threads."""
    with tempfile.TemporaryDirectory() as folder:
        pair, found = Path(folder) / "pair", Path(folder) / "found"
        pair.write_bytes(pickle.dumps((scene.fixed, scene.moving)))
        command = [sys.executable, __file__, tool, str(pair), str(found)]
        where = {"cwd": folder, "env": {**os.environ, **dict.fromkeys(THREADS, str(threads))}}
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S, **where)
        except subprocess.CalledProcessError as died:
            last = (died.stderr.strip().splitlines() or ["no message"])[-1]
            raise PeerError(f"ended with {died.returncode}: {last[:120]}") from died
        except subprocess.TimeoutExpired as late:
            raise PeerError(f"not done within {LIMIT_S} s") from late
        return pickle.loads(found.read_bytes())


class Clock:
    """Wall and CPU seconds of all threads of this process, within ``with clock:``."""

    seconds = (0.0, 0.0)

    @contextmanager
    def __call__(self):
        start = time.perf_counter(), time.process_time()
        yield
        self.seconds = time.perf_counter() - start[0], time.process_time() - start[1]


def coordinate_images(grid: VolumeGeometry) -> list[np.ndarray]:
    """x, y and z of the grid's voxels, in float32."""
    return [np.ascontiguousarray(a) for a in np.moveaxis(grid.voxel_points().astype(np.float32), -1, 0)]


# greedy


def _greedy(affine, deformable=None):
    def tool(fixed, moving, clock):
        import picsl_greedy

        greedy, threads = picsl_greedy.Greedy3D(), os.environ["OMP_NUM_THREADS"]
        images = {"fixed": _sitk(fixed), "moving": _sitk(moving)}
        with clock():
            greedy.execute(
                f"-i fixed moving -a -ia-identity {affine} -threads {threads} -o linear", **images, linear=None
            )
            if deformable:
                words = f"-i fixed moving -it linear {deformable} -threads {threads} -o warp"
                greedy.execute(words, warp=None)
        chain = "warp linear" if deformable else "linear"
        warped = []
        for array in coordinate_images(moving.geometry):
            words = f"-rf fixed -rm coordinate moved -r {chain} -threads {threads}"
            greedy.execute(words, coordinate=_sitk_image(array, moving.geometry), moved=None)
            warped.append(_array(greedy["moved"]))
        return np.stack(warped, axis=-1)

    return tool


# ANTsPy


def _ants(kind, **knobs):
    def tool(fixed, moving, clock):
        import ants

        images = [_ants_image(v.array, v.geometry) for v in (fixed, moving)]
        with clock():
            found = ants.registration(*images, kind, random_seed=SEED, singleprecision=True, **knobs)["fwdtransforms"]
        warped = [
            ants.apply_transforms(images[0], _ants_image(a, moving.geometry), found, interpolator="linear").numpy().T
            for a in coordinate_images(moving.geometry)
        ]
        return np.stack(warped, axis=-1)

    return tool


def _ants_image(array, grid):
    import ants

    direction = np.asarray(grid.direction)
    return ants.from_numpy(np.ascontiguousarray(array.T, np.float32), grid.origin, grid.spacing, direction)


# SimpleITK


def _sitk_rigid(fixed, moving, clock):
    import SimpleITK

    images = _sitk(fixed), _sitk(moving)
    with clock():
        start = SimpleITK.CenteredTransformInitializer(*images, SimpleITK.Euler3DTransform())
        found = _sitk_linear(*images, start, rate=2.0, n_iterations=300)
    return _sitk_warped(images[0], moving, found)


def _sitk_demons(fixed, moving, clock):
    """An affine map, histograms matched, then diffeomorphic demons of the ITK kind on a pyramid of 4, 2, 1."""
    import SimpleITK

    images = _sitk(fixed), _sitk(moving)
    with clock():
        start = SimpleITK.CenteredTransformInitializer(*images, SimpleITK.AffineTransform(3))
        affine = _sitk_linear(*images, start, rate=2.0, n_iterations=300)
        moved = SimpleITK.Resample(images[1], images[0], affine, SimpleITK.sitkLinear, 0.0)
        moved = SimpleITK.HistogramMatching(moved, images[0], 256, 15, thresholdAtMeanIntensity=True)
        field = None
        for factor, n_iterations in ((4, 50), (2, 50), (1, 40)):
            target, source = (_shrunk(image, factor) for image in (images[0], moved))
            demons = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
            demons.SetNumberOfIterations(n_iterations)
            demons.SetStandardDeviations(1.5)
            if field is None:
                field = demons.Execute(target, source)
            else:
                field = demons.Execute(target, source, SimpleITK.Resample(field, target))
        warp = SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(field, SimpleITK.sitkVectorFloat64))
    return _sitk_warped(images[0], moving, SimpleITK.CompositeTransform([affine, warp]))


def _sitk_linear(fixed, moving, start, rate, n_iterations):
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.2, SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(rate, 1e-4, n_iterations)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _shrunk(image, factor):
    import SimpleITK

    if factor == 1:
        return image
    smooth = SimpleITK.SmoothingRecursiveGaussian(image, [0.5 * factor * s for s in image.GetSpacing()])
    return SimpleITK.Shrink(smooth, [factor] * 3)


def _sitk_warped(fixed, moving, transform):
    import SimpleITK

    images = (_sitk_image(array, moving.geometry) for array in coordinate_images(moving.geometry))
    return np.stack(
        [_array(SimpleITK.Resample(image, fixed, transform, SimpleITK.sitkLinear)) for image in images], axis=-1
    )


def _sitk(volume):
    return _sitk_image(volume.array, volume.geometry)


def _sitk_image(array, grid):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.asarray(array, np.float32))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ravel(grid.direction).tolist())
    return image


def _array(image):
    import SimpleITK

    return SimpleITK.GetArrayFromImage(image)


# elastix


def _elastix(*stages):
    """Each stage on the moving image as the one before left it: two in one call crash."""

    def tool(fixed, moving, clock):
        import itk

        target, source = (_itk_image(v.array, v.geometry) for v in (fixed, moving))
        found = []
        with clock():
            for kind, knobs in stages:
                parameters = itk.ParameterObject.New()
                chosen = parameters.GetDefaultParameterMap(kind, 4)
                chosen.update({name: [str(value)] for name, value in knobs.items()})
                chosen["RandomSeed"] = [str(SEED)]
                parameters.AddParameterMap(chosen)
                source, transform = itk.elastix_registration_method(
                    target, source, parameter_object=parameters, log_to_console=False
                )
                found.append(transform)
        warped = []
        for array in coordinate_images(moving.geometry):
            image = _itk_image(array, moving.geometry)
            for transform in found:
                transform.SetParameter(0, "FinalBSplineInterpolationOrder", "1")
                image = itk.transformix_filter(image, transform)
            warped.append(np.array(itk.array_view_from_image(image)))
        return np.stack(warped, axis=-1)

    return tool


def _itk_image(array, grid):
    import itk

    image = itk.image_from_array(np.ascontiguousarray(array, np.float32))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(itk.matrix_from_array(np.asarray(grid.direction)))
    return image


FREE_FORM = {"MaximumNumberOfIterations": 500, "FinalGridSpacingInPhysicalUnits": 10.0}
AFFINE = "-dof 12 -m NMI -n 100x50x10"
TOOLS = {
    "greedy, 6 dof NMI": _greedy("-dof 6 -m NMI -n 100x50x10"),
    "greedy, NCC 4³": _greedy(AFFINE, "-m NCC 4x4x4 -s 3vox 1vox -n 100x100x40"),
    "greedy, NCC 2³": _greedy(AFFINE, "-m NCC 2x2x2 -s 1.732vox 0.707vox -n 100x50x10"),
    "greedy, NMI": _greedy(AFFINE, "-m NMI -s 1.732vox 0.707vox -n 100x50x10"),
    "greedy, NMI, smooth": _greedy(AFFINE, "-m NMI -s 3vox 1vox -n 100x50x10"),
    "ANTsPy, rigid": _ants("Rigid"),
    "ANTsPy, affine": _ants("Affine"),
    "ANTsPy, SyNQuick": _ants("antsRegistrationSyNQuick[s]"),
    "ANTsPy, SyN": _ants("SyN"),
    "SimpleITK, Euler MI": _sitk_rigid,
    "SimpleITK, demons": _sitk_demons,
    "elastix, rigid": _elastix(("rigid", {})),
    "elastix, B-spline MI": _elastix(("affine", {}), ("bspline", FREE_FORM)),
}
"""In the order of the tables; the recipes are those of ../shared/anchors or each tool's own."""


def main(tool, pair, found):
    """Write what the tool finds on the pair."""
    clock, images = Clock(), pickle.loads(Path(pair).read_bytes())
    coordinates = TOOLS[tool](*images, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
    Path(found).write_bytes(pickle.dumps(Found(coordinates, *clock.seconds, peak)))


if __name__ == "__main__":
    sys.modules["registration_peers"] = sys.modules["__main__"]  # one name for what is pickled
    Found.__module__ = "registration_peers"
    main(*sys.argv[1:])
