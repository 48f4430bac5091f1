"""`scanmill warm`: compile the kernels once, so that no worker and no demo waits for the compiler."""

from __future__ import annotations

import time

from scanmill.cli.shell import AsJson, print_json, say


def warm(as_json: AsJson = False) -> None:
    """Compile every kernel into Numba's cache, in this one process; a second time it takes a second.

    Example: [bold]scanmill warm[/bold]
    """
    import numpy as np

    from scanmill.algorithms.reconstruction import fista_tv  # noqa: F401  (its kernels are on the list once imported)
    from scanmill.geometry import ScanGeometry, VolumeGeometry
    from scanmill.kernels.launch import KERNELS, warm_up
    from scanmill.operators.projection import ProjectionOp
    from scanmill.operators.voxel_backprojection import VoxelBackprojectionOp

    started = time.perf_counter()
    warm_up()
    distances = {"source_to_isocenter": 50.0, "source_to_detector": 90.0}
    grid, angles = VolumeGeometry.centered((4, 8, 8)), np.linspace(0, 3, 5)
    for scan in (
        ScanGeometry.parallel(angles, 12, 1.0, n_rows=4),
        ScanGeometry.fan(angles, 12, 1.0, n_rows=4, **distances),
        ScanGeometry.cone(angles, 12, 1.0, n_rows=4, row_spacing=1.0, **distances),
    ):
        for op in (ProjectionOp(grid, scan), VoxelBackprojectionOp(grid, scan)):
            op.H(op(np.ones(op.in_shape, np.float32)))
    seconds = time.perf_counter() - started
    print_json({"kernels": sorted(KERNELS), "seconds": seconds}) if as_json else say(
        f"{len(KERNELS)} kernels ready after {seconds:.1f} s"
    )
