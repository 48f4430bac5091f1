"""Our projector pairs beside ASTRA (2D, CPU, 'linear') and RTK (3D, Joseph): agreement first, then time.

    python benchmarks/bench_projection.py [--quick] [--repeats 7] [--threads 2] [--out benchmarks/results]

The tools take turns; the table gives the median wall time and CPU time of each. Needs the extra [bench]. Compiling,
making tables and copying into the tools' own containers are outside the clocks.
"""

import argparse
import datetime as dt
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np

from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels import launch
from scanmill.operators.projection import ProjectionOp


def scanmill(grid, scan):
    """Our pair: forward and adjoint of arrays."""
    op = ProjectionOp(grid, scan)
    return "Scanmill", op, op.H


def astra_2d(grid, scan, threads):
    """ASTRA's linear-interpolation pair on the CPU; ``back`` runs its other 2D algorithms too."""
    import astra

    astra.set_num_threads(threads) if hasattr(astra, "set_num_threads") else None
    projections = astra.create_proj_geom("parallel", float(scan.column_spacing[0]), scan.n_columns, scan.angles)
    volume = astra.create_vol_geom(grid.shape[1], grid.shape[2])
    projector = astra.create_projector("linear", projections, volume)
    x, y = astra.data2d.create("-vol", volume), astra.data2d.create("-sino", projections)

    def run(kind, n_iterations=1, **ids):
        config = astra.astra_dict(kind) | {"ProjectorId": projector, "ProjectionDataId": y, **ids}
        number = astra.algorithm.create(config)
        start = wall_and_cpu()
        astra.algorithm.run(number, n_iterations)
        run.seconds = since(start)
        astra.algorithm.delete(number)

    def forward(image):
        astra.data2d.store(x, np.ascontiguousarray(image[0, ::-1]))
        run("FP", VolumeDataId=x)
        return astra.data2d.get(y)[:, None]

    def back(sinogram, kind="BP", n_iterations=1, **options):
        astra.data2d.store(x, 0.0)
        astra.data2d.store(y, np.ascontiguousarray(sinogram[:, 0]))
        run(kind, n_iterations, ReconstructionDataId=x, option=options)
        return astra.data2d.get(x)[None, ::-1]

    forward.run = back.run = run
    return "ASTRA linear", forward, back


def rtk_3d(grid, scan, distances, threads):
    """RTK's Joseph pair; ``back`` runs FDK too. RTK's y axis is our z: volumes and stacks are turned on both ways."""
    import itk
    from itk import RTK

    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(threads)
    geometry = RTK.ThreeDCircularProjectionGeometry.New()
    for angle in np.rad2deg(scan.angles):
        # RTK's source stands at +z for angle 0 and turns towards +x, as ours; (x, y, z) of RTK = (x, z, -y) of ours.
        geometry.AddProjection(*distances, float(angle))
    image_type = itk.Image[itk.F, 3]
    volume_origin = [grid.origin[0], grid.origin[2], -(grid.origin[1] + (grid.shape[1] - 1) * grid.spacing[1])]
    volume_spacing = [grid.spacing[0], grid.spacing[2], grid.spacing[1]]
    columns, rows = float(scan.column_spacing[0]), float(scan.row_spacing[0])
    stack_origin = [-(scan.n_columns - 1) / 2 * columns, -(scan.n_rows - 1) / 2 * rows, 0.0]

    def image(array, origin, spacing):
        made = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
        made.SetOrigin(origin)
        made.SetSpacing(spacing)
        return made

    def run(kind, first, second):
        tool = kind.New()
        tool.SetInput(0, first)
        tool.SetInput(1, second)
        tool.SetGeometry(geometry)
        start = wall_and_cpu()
        tool.Update()
        run.seconds = since(start)
        return itk.array_from_image(tool.GetOutput())

    def stack(array):
        return image(array, stack_origin, [columns, rows, 1.0])

    def volume(array):
        return image(array.transpose(1, 0, 2)[::-1], volume_origin, volume_spacing)

    pair = RTK.JosephForwardProjectionImageFilter, RTK.JosephBackProjectionImageFilter
    ahead, adjoint = (kind[image_type, image_type] for kind in pair)
    feldkamp = RTK.FDKConeBeamReconstructionFilter[image_type]

    def forward(x):
        return run(ahead, stack(np.zeros(scan.shape)), volume(x))

    def back(y, kind=adjoint):
        turned = run(kind, volume(np.zeros(grid.shape)), stack(y))
        return turned[::-1].transpose(1, 0, 2)

    forward.run = back.run = run
    back.feldkamp = feldkamp
    return "RTK Joseph", forward, back


def wall_and_cpu():
    """The two clocks."""
    return time.perf_counter(), time.process_time()


def since(start):
    """Wall and CPU seconds since ``start``."""
    return tuple(now - then for now, then in zip(wall_and_cpu(), start, strict=True))


def timed(function, data):
    """The result, and the seconds: the tool's own where it has containers of its own to fill."""
    start = wall_and_cpu()
    result = function(data)
    own = getattr(function, "run", None)
    return result, own.seconds if own else since(start)


def relative(a, b):
    """‖a − b‖ / ‖b‖ in double precision."""
    return float(np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b.astype(np.float64)))


def inner(volume):
    """Without the outermost voxels, where the tools disagree about what lies beyond the last centre."""
    return volume[(slice(1, -1) if len(volume) > 2 else slice(None), slice(1, -1), slice(1, -1))]


def compare(title, grid, scan, tools, repeats):
    """One section of the report: agreement on a smooth object, adjoint gaps, then the times."""
    rng = np.random.default_rng(0)
    points = grid.voxel_points() - 0.1 * np.array(grid.extent) * [1.0, -0.5, 0.3]  # beside the middle, to see mirrors
    smooth = np.exp(-np.sum((points / np.array(grid.extent) * 5) ** 2, axis=-1)).astype(np.float32)
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in (grid.shape, scan.shape))
    projections, volumes, lines = {}, {}, [f"## {title}", ""]
    for name, forward, back in tools:
        projections[name] = forward(smooth)
        volumes[name] = back(projections[tools[0][0]])
        Ax, Ahy = np.array(forward(x)), np.array(back(y))
        gap = abs(np.vdot(Ax.astype(float), y) - np.vdot(x.astype(float), Ahy))
        ours = tools[0][0]
        ahead = relative(projections[name], projections[ours])
        behind = relative(inner(volumes[name]), inner(volumes[ours]))
        lines.append(
            f"- {name}: forward differs from ours by {ahead:.1e}, back by {behind:.1e} (relative L2, smooth object, "
            f"without the border); adjoint gap {gap / np.linalg.norm(Ax) / np.linalg.norm(y):.1e}"
        )
    seconds = {(name, way): [] for name, *_ in tools for way in ("forward", "back")}
    for _ in range(repeats):
        for name, forward, back in tools:
            seconds[name, "forward"].append(timed(forward, x)[1])
            seconds[name, "back"].append(timed(back, y)[1])
    lines += ["", "| tool | direction | wall s (median) | CPU s (median) | wall s (least) |", "|---|---|---|---|---|"]
    for (name, way), pairs in seconds.items():
        wall, cpu = zip(*pairs, strict=True)
        medians = f"{statistics.median(wall):.3f} | {statistics.median(cpu):.3f}"
        lines.append(f"| {name} | {way} | {medians} | {min(wall):.3f} |")
    return [*lines, ""]


def sections(quick, repeats, threads):
    """Parallel 2D beside ASTRA, cone 3D beside RTK, and our fan alone."""
    n, views, columns = (64, 45, 92) if quick else (512, 720, 736)
    grid = VolumeGeometry.centered((1, n, n))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, views, endpoint=False), columns, 1.0)
    tools = [scanmill(grid, scan), astra_2d(grid, scan, threads)]
    yield from compare(f"2D parallel, {n}², {views} views of {columns}", grid, scan, tools, repeats)

    turn = np.linspace(0, 2 * np.pi, views, endpoint=False)
    far = {"source_to_isocenter": 1.6 * n, "source_to_detector": 3.2 * n}
    scan = ScanGeometry.fan(turn, columns, 2.0, **far)
    yield from compare(f"2D fan, {n}², {views} views of {columns}", grid, scan, [scanmill(grid, scan)], repeats)

    n, views, size = (24, 12, 36) if quick else (128, 180, 192)
    grid = VolumeGeometry.centered((n, n, n))
    distances = 500.0, 1000.0
    scan = ScanGeometry.cone(
        np.linspace(0, 2 * np.pi, views, endpoint=False), size, 1.6, n_rows=size, row_spacing=1.6,
        source_to_isocenter=distances[0], source_to_detector=distances[1],
    )  # fmt: skip
    tools = [scanmill(grid, scan), rtk_3d(grid, scan, distances, threads)]
    yield from compare(f"3D cone, {n}³, {views} views of {size}²", grid, scan, tools, repeats)


def main():
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    today, machine = dt.datetime.now(tz=dt.UTC).date(), platform.node() or "machine"
    with launch.threads(options.threads):
        body = list(sections(options.quick, options.repeats, options.threads))
    head = f"# Projection, {today}, {machine}"
    facts = f"{platform.processor() or platform.machine()}, {options.threads} threads for every tool, float32."
    text = "\n".join([head, "", facts, "", *body])
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"projection-{today}-{machine}.md").write_text(text)


if __name__ == "__main__":
    main()
