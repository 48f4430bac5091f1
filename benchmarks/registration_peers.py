"""Greedy, ANTsPy, SimpleITK and elastix on a pair, and we; each by its own recipe, judged by its own warping.

    python benchmarks/registration_peers.py TOOL PAIR FOUND

A tool is a function of the fixed image, the moving image and a clock. It finds its map while the clock runs, and gives
back the moving image's x, y and z as it warps them to the fixed grid: so no convention of files or axes can fool the
judge. All get the images alone, without a mask, and as they lie.
"""

import os
import sys

import numpy as np
import registration_ours
from registration_itk import SEED, elastix, sitk_array, sitk_demons, sitk_image, sitk_rigid, sitk_volume
from registration_process import answer, coordinate_images


def _greedy(affine, deformable=None):
    def tool(fixed, moving, clock):
        import picsl_greedy

        greedy, threads = picsl_greedy.Greedy3D(), os.environ["OMP_NUM_THREADS"]
        images = {"fixed": sitk_volume(fixed), "moving": sitk_volume(moving)}
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
            greedy.execute(words, coordinate=sitk_image(array, moving.geometry), moved=None)
            warped.append(sitk_array(greedy["moved"]))
        return np.stack(warped, axis=-1)

    return tool


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


FREE_FORM = {"MaximumNumberOfIterations": 500, "FinalGridSpacingInPhysicalUnits": 10.0}
AFFINE = "-dof 12 -m NMI -n 100x50x10"
TOOLS = {
    "Scanmill, rigid": registration_ours.rigid,
    "Scanmill, affine + greedy": registration_ours.deformable,
    "greedy, 6 dof NMI": _greedy("-dof 6 -m NMI -n 100x50x10"),
    "greedy, NCC 4³": _greedy(AFFINE, "-m NCC 4x4x4 -s 3vox 1vox -n 100x100x40"),
    "greedy, NCC 2³": _greedy(AFFINE, "-m NCC 2x2x2 -s 1.732vox 0.707vox -n 100x50x10"),
    "greedy, NMI": _greedy(AFFINE, "-m NMI -s 1.732vox 0.707vox -n 100x50x10"),
    "greedy, NMI, smooth": _greedy(AFFINE, "-m NMI -s 3vox 1vox -n 100x50x10"),
    "ANTsPy, rigid": _ants("Rigid"),
    "ANTsPy, affine": _ants("Affine"),
    "ANTsPy, SyNQuick": _ants("antsRegistrationSyNQuick[s]"),
    "ANTsPy, SyN": _ants("SyN"),
    "SimpleITK, Euler MI": sitk_rigid,
    "SimpleITK, demons": sitk_demons,
    "elastix, rigid": elastix(("rigid", {})),
    "elastix, B-spline MI": elastix(("affine", {}), ("bspline", FREE_FORM)),
}
"""In the order of the tables; the recipes are those of ../shared/anchors or each tool's own."""


if __name__ == "__main__":
    answer(TOOLS[sys.argv[1]], *sys.argv[2:])
