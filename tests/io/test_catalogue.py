"""The cards of public collections, on made files of their very layout, simulated by their authors' own formulas."""

import h5py
import numpy as np
import pytest
import tifffile
import yaml

from scanmill.errors import InputError, SpecError
from scanmill.io.card import Card, load_card, parse_card
from scanmill.phantoms.ellipsoid import Ellipsoid
from scanmill.phantoms.phantom import Phantom

RODS = ((-9.0, 4.0, 11.0, 0.03), (14.0, -12.0, 5.0, 0.05), (3.0, 22.0, 4.0, 0.02))
"""x, y, radius in mm and attenuation in 1/mm."""


def phantom(rods, mirrored_y):
    inf = float("inf")
    sign = -1.0 if mirrored_y else 1.0
    return Phantom(tuple(Ellipsoid((x, sign * y, 0.0), (r, r, inf), mu) for x, y, r, mu in rods))


def integrals(rods, source, pixels):
    """Chords of discs between a source (2,) and pixels (n, 2)."""
    along = (pixels - source) / np.linalg.norm(pixels - source, axis=1)[:, None]
    total = np.zeros(len(pixels))
    for x, y, r, mu in rods:
        off = (source - (x, y))[None]
        away = off[:, 0] * along[:, 1] - off[:, 1] * along[:, 0]
        total += mu * 2 * np.sqrt(np.clip(r**2 - away**2, 0, None))
    return total


def write_detect2(folder, number, n_views=41, reference=True):
    """ASTRA's ``fanflat``: source (sin, -cos), detector (-sin, cos), columns (cos, sin), y upwards."""
    here = folder / f"slice{number:05}" / "mode2"
    here.mkdir(parents=True)
    pitch, middle = 0.0748, 957.5 if number <= 2830 else 955.5
    columns = (np.arange(1912) - middle) * pitch
    scan = np.empty((n_views, 1912))
    for view in range(n_views):
        a = np.deg2rad(view * 0.1)
        source = np.array([np.sin(a), -np.cos(a)]) * 431.019989
        center = np.array([-np.sin(a), np.cos(a)]) * (529.000488 - 431.019989)
        scan[view] = integrals(RODS, source, center + columns[:, None] * (np.cos(a), np.sin(a)))
    dark, low, high = 100.0, 30_000.0, 34_000.0
    flat = (low + high) / 2
    tifffile.imwrite(here / "sinogram.tif", np.rint(dark + (flat - dark) * np.exp(-scan)).astype(np.uint16))
    for name, value in (("dark", dark), ("flat1", low), ("flat2", high)):
        tifffile.imwrite(here / f"{name}.tif", np.full((1, 1912), value, np.uint16))
    if reference:
        voxel = 0.0748 * 2 * 956 * 431.019989 / 529.000488 / 1024
        x = (np.arange(2048) - 1023.5)[None, :] * voxel
        y = (1023.5 - np.arange(2048))[:, None] * voxel
        image = sum(mu * voxel * ((x - cx) ** 2 + (y - cy) ** 2 <= r**2) for cx, cy, r, mu in RODS)
        tifffile.imwrite(here / "reconstruction.tif", image[511:1535, 511:1535].astype(np.float32))


def test_2detect(tmp_path):
    card = load_card("detect2")
    write_detect2(tmp_path / "part1", 7)
    write_detect2(tmp_path / "part2", 2831, reference=False)
    rows = card.rows(tmp_path)
    assert [(row.row_key, row.problem) for row in rows] == [("slice2831-mode2", ""), ("slice7-mode2", "")]
    assert [row.columns["n_views"] for row in rows] == [40, 40]
    truth = phantom(RODS, mirrored_y=True)
    for row in rows:
        scan = card.read("scan", {path: tmp_path / path for path in row.files["scan"]})
        assert scan.geometry.shape == (40, 1, 1912)
        assert (scan.flat == 32_000).all()
        seen = -np.log((scan.array - scan.dark) / (scan.flat - scan.dark))
        np.testing.assert_allclose(seen, truth.line_integrals(scan.geometry), atol=2e-4)
    image = card.read("reference", {path: tmp_path / path for path in rows[1].files["reference"]})
    grid = image.geometry
    index = np.stack([*np.meshgrid(np.arange(300, 700), np.arange(300, 700)), np.zeros((400, 400))], axis=-1)
    values = truth.values(grid.to_points(index.reshape(-1, 3))).reshape(400, 400)
    assert (np.abs(image.array[0, 300:700, 300:700] - values) > 1e-5).mean() < 1e-3
    assert values.max() > 0.049


def test_lodopab(tmp_path):
    """ODL's parallel beam: angles in the middle of 1,000 parts of 180°, columns over the square's diagonal, [x, y]."""
    largest = 81.35858
    angles = (np.arange(1000) + 0.5) * np.pi / 1000
    edge = 0.13 * np.sqrt(2)
    t = (np.arange(513) + 0.5) * 2 * edge / 513 - edge
    x = (np.arange(362) + 0.5) * 0.26 / 362 - 0.13
    stacks = [RODS, RODS[1:]]
    observed, images = np.zeros((2, 1000, 513)), np.zeros((2, 362, 362))
    for sample, rods in enumerate(stacks):
        for cx, cy, r, mu in np.array(rods) * (1e-3, 1e-3, 1e-3, 1e3):
            away = t[None, :] - (cx * np.cos(angles) + cy * np.sin(angles))[:, None]
            observed[sample] += mu * 2 * np.sqrt(np.clip(r**2 - away**2, 0, None)) / largest
            images[sample] += mu * ((x[:, None] - cx) ** 2 + (x[None, :] - cy) ** 2 <= r**2) / largest
    for name, data in (("observation", observed), ("ground_truth", images)):
        with h5py.File(tmp_path / f"{name}_test_027.hdf5", "w") as file:
            file["data"] = data.astype(np.float32)
    card = load_card("lodopab")
    (row,) = card.rows(tmp_path)
    assert (row.row_key, row.problem) == ("test-027", "")
    scan = card.read("scan", {path: tmp_path / path for path in row.files["scan"]})
    image = card.read("truth", {path: tmp_path / path for path in row.files["truth"]})
    assert (scan.geometry.shape, image.geometry.shape, scan.photons) == ((1000, 2, 513), (2, 362, 362), 4096)
    for sample, rods in enumerate(stacks):
        exact = phantom(rods, mirrored_y=False)
        lines = exact.line_integrals(scan.geometry.views(slice(0, 1000, 50)))[:, sample]
        np.testing.assert_allclose(scan.array[::50, sample], lines, atol=1e-5)
        x_, y_ = np.meshgrid(np.arange(362), np.arange(362))
        points = image.geometry.to_points(np.stack([x_, y_, np.full_like(x_, sample)], axis=-1).reshape(-1, 3))
        off = np.abs(image.array[sample] - exact.values(points).reshape(362, 362)) > 1e-5
        assert off.mean() < 1e-4


CARD = """
name: mine
rows: {files: "s{number}.npy", key: "{number}", fields: {number: int}}
roles:
  scan:
    kind: projections
    axes: [view, column]
    beam: parallel
    column_spacing: 1
    angles: {values: {start: 10, step: 5}}
"""


def card_with(**changes):
    fields = yaml.safe_load(CARD)
    fields["roles"]["scan"] |= changes
    return parse_card(yaml.safe_dump(fields))


def read(card, folder, number=3):
    path = folder / f"s{number}.npy"
    np.save(path, np.arange(20.0).reshape(4, 5))
    return card.read("scan", {path.name: path, **{p.name: p for p in folder.glob("f*.npy")}})


@pytest.mark.parametrize("given", [{"start": 10, "step": 5}, [10, 15, 20, 25]])
def test_a_range_of_views_keeps_their_angles(tmp_path, given):
    scan = read(card_with(view_range=[1, -1], scale=2.0, angles={"values": given}), tmp_path)
    assert scan.array[:, 0, 0].tolist() == [10, 20]
    np.testing.assert_allclose(np.rad2deg(scan.geometry.angles), [15, 20])
    with pytest.raises(InputError, match="view_range leaves no view"):
        read(card_with(view_range=[4, None]), tmp_path)


def test_a_number_goes_by_a_field_of_the_row(tmp_path):
    by = {"by": "number", "ranges": [[1, 3, 1.0], [3, 9, 3.0]], "otherwise": 2.0}
    card = card_with(axis_column=by)
    for number, axis in ((1, 1.0), (3, 1.0), (4, 3.0), (10, 2.0)):
        scan = read(card, tmp_path, number).geometry
        assert np.dot(scan.pixels(0)[0, 0], scan.column_step[0]) == pytest.approx(-axis)
    assert Card.from_json(card.to_json()) == card
    with pytest.raises(InputError, match=r"a field that the row has not.*expected size, got number"):
        read(card_with(axis_column={**by, "by": "size"}), tmp_path)


def test_several_flats_are_averaged_place_by_place(tmp_path):
    np.save(tmp_path / "f1.npy", np.full((3, 5), 10.0))
    np.save(tmp_path / "f2.npy", np.full((1, 5), 20.0))
    scan = read(card_with(flat=[{"file": "f1.npy"}, {"file": "f2.npy"}]), tmp_path)
    assert (scan.flat == 15).all()
    with pytest.raises(SpecError, match="flat"):
        card_with(flat=[])
