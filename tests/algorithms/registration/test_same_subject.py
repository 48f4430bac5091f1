"""T1 and T2 of one head in one session, each with a missing slice: imposed displacements are found and taken back."""

import tarfile
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scanmill.algorithms.registration.checks import middle_of
from scanmill.algorithms.registration.linear import register_linear
from scanmill.data import Volume
from scanmill.data.transforms import Rigid
from scanmill.io.dicom_series import open_series

LARGEST_MM, LARGEST_DEG = 30.0, 20.0


@pytest.fixture(scope="module")
def heads(data_folder, tmp_path_factory):
    """Both volumes with the missing slice filled, and the missing planes."""
    folder, found = tmp_path_factory.mktemp("heads"), {}
    for name in ("t1", "t2"):
        with tarfile.open(data_folder / "mr_t1_t2_same_subject" / f"{name}.tar.xz") as packed:
            packed.extractall(folder / name, filter="data")
        series = open_series(sorted(p for p in (folder / name).rglob("*") if p.is_file()))
        found[name] = series.volume(missing="interpolate"), series.missing
    return found


def points_of(t1, t2):
    """Places in the head that both images hold."""
    bright = np.argwhere(t1.array > 0.15 * np.percentile(t1.array, 99.5))[::997, ::-1]
    points = t1.geometry.to_points(bright)
    places = t2.geometry.to_indices(points)
    return points[((places >= 0) & (places <= np.array(t2.geometry.shape[::-1]) - 1)).all(axis=-1)]


def displaced(image, rng):
    """The image in another place, and the map that brought it there."""
    axis, way = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    turn = Rotation.from_rotvec(np.radians(LARGEST_DEG * rng.uniform(0.3, 1)) * axis).as_matrix()
    moved = Rigid.from_matrix(turn, LARGEST_MM * rng.uniform(0.3, 1) * way, middle_of(image.geometry))
    direction = tuple(map(tuple, turn @ np.asarray(image.geometry.direction)))
    grid = replace(image.geometry, origin=tuple(moved.map(image.geometry.origin)), direction=direction)
    return Volume(image.array, grid), moved


@pytest.mark.parametrize("n_displaced", [2, pytest.param(20, marks=pytest.mark.long)])
def test_imposed_displacements_are_taken_back(heads, n_displaced):
    (t1, gap1), (t2, gap2) = heads["t1"], heads["t2"]
    assert len(gap1) == len(gap2) == 1
    points = points_of(t1, t2)
    reference = register_linear(t1, t2)
    assert reference.quality.converged, reference.quality.reason
    assert np.sqrt(np.mean(np.sum((reference.transform.map(points) - points) ** 2, axis=-1))) < 2.0
    rng = np.random.default_rng(20)
    for _ in range(n_displaced):
        image, moved = displaced(t2, rng)
        found = register_linear(t1, image)
        assert found.quality.converged, found.quality.reason
        back = moved.inverse() @ found.transform
        off = np.linalg.norm(back.map(points) - reference.transform.map(points), axis=-1)
        turn = Rotation.from_matrix(back.affine[:3, :3] @ reference.transform.affine[:3, :3].T)
        assert np.sqrt(np.mean(off**2)) < 0.3
        assert np.degrees(turn.magnitude()) < 0.3
