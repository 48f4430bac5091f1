"""Data cards of k-space: axes, mask, centre, trajectory with unit, sign and delays, geometry."""

import numpy as np
import pytest
import yaml

from scanmill.errors import InputError, SpecError
from scanmill.io.card import Card, load_card, parse_card
from scanmill.io.readout import to_image, to_kspace

RNG = np.random.default_rng(4)
IMAGE = (RNG.normal(size=(2, 3, 1, 10, 12)) + 1j * RNG.normal(size=(2, 3, 1, 10, 12))).astype(np.complex64)
"""(slice, coil, z, y, x)."""
KSPACE = to_kspace(to_kspace(IMAGE, -1), -2)


def read(folder, role, **arrays):
    """The k-space of a card whose row is ``scan.npz`` with these arrays; the columns that its headers give too."""
    np.savez(folder / "scan.npz", **arrays)
    card = parse_card(
        yaml.safe_dump(
            {
                "name": "mine",
                "rows": {"files": "{name}.npz", "key": "{name}"},
                "roles": {"scan": {"kind": "kspace", "array": "k", "spacing": [2, 3, 5], **role}},
            }
        )
    )
    assert Card.from_json(card.to_json()) == card
    (row,) = card.rows(folder)
    if row.problem:
        with pytest.raises(InputError):
            card.read("scan", {path: folder / path for path in row.files["scan"]})
        raise InputError(row.problem)
    return card.read("scan", {path: folder / path for path in row.files["scan"]}), row.columns


def image_of(k):
    return to_image(to_image(k.array, -1), -2)[0]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_axes_in_any_order(tmp_path, dtype):
    stored = KSPACE[:, :, 0].transpose(3, 1, 0, 2).astype(dtype)
    k, columns = read(tmp_path, {"axes": ["x", "coil", "slice", "y"]}, k=stored)
    np.testing.assert_allclose(image_of(k), IMAGE, atol=1e-5)
    assert k.geometry.shape == (2, 10, 12)
    assert k.geometry.spacing == (2, 3, 5)
    wanted = {"Modality": "MR", "n_frames": 1, "n_slices": 2, "n_coils": 3, "matrix_z": 1, "matrix_y": 10,
              "matrix_x": 12, "size_z": 2, "trajectory": "cartesian"}  # fmt: skip
    assert wanted.items() <= columns.items()


def test_real_and_imaginary_parts(tmp_path):
    stored = np.stack([KSPACE.real, KSPACE.imag], axis=2)[:, :, :, 0]
    k, _ = read(tmp_path, {"axes": ["slice", "coil", "part", "y", "x"]}, k=stored)
    np.testing.assert_allclose(image_of(k), IMAGE, atol=1e-5)


def test_a_reversed_axis_is_the_other_sign_of_the_transform(tmp_path):
    """Stored by exp(+2 pi i k r / N), k grows downwards: zero stays at n // 2, the edge wraps round."""
    positive = np.conj(to_kspace(to_kspace(np.conj(IMAGE), -1), -2))
    k, _ = read(tmp_path, {"axes": ["slice", "coil", "-y", "-x"]}, k=positive[:, :, 0])
    np.testing.assert_allclose(image_of(k), IMAGE, atol=1e-5)


def test_partial_fourier_is_placed_by_its_center(tmp_path):
    role = {"axes": ["slice", "coil", "y", "x"], "matrix": [12, 10, 1], "center": [6, 2, 0]}
    k, _ = read(tmp_path, role, k=KSPACE[:, :, 0, 3:])
    np.testing.assert_allclose(k.array[..., 3:, :], KSPACE[None, ..., 3:, :], atol=1e-6)
    assert not k.sampled()[..., :3, :].any()


@pytest.mark.parametrize("axes", [["x"], ["y", "x"], ["slice", "y", "x"]])
def test_masks_of_any_shape(tmp_path, axes):
    mask = (RNG.random((2, 10, 12)) > 0.5)[tuple(slice(None) if a in axes else 0 for a in ("slice", "y", "x"))]
    role = {"axes": ["slice", "coil", "y", "x"], "mask": {"array": "m", "axes": axes}}
    k, columns = read(tmp_path, role, k=KSPACE[:, :, 0], m=mask.astype(np.uint8))
    full = mask if len(axes) == 3 else np.broadcast_to(mask, (2, 10, 12))
    np.testing.assert_array_equal(k.sampled()[0, :, 0], full)
    np.testing.assert_allclose(k.array[0, :, :, 0], KSPACE[:, :, 0] * full[:, None], atol=1e-6)
    assert columns["acceleration"] == pytest.approx(full.size / full.sum(), abs=1e-3)


def test_an_oversampled_readout_keeps_its_middle(tmp_path):
    role = {"axes": ["slice", "coil", "y", "x"], "oversampled": "x", "recon": [6, 8, 1], "noise": {"array": "n"}}
    noise = RNG.normal(size=(3, 50)) + 1j
    k, columns = read(tmp_path, role, k=KSPACE[:, :, 0], n=noise)
    np.testing.assert_allclose(image_of(k), IMAGE[..., 3:9], atol=1e-5)
    assert k.recon.shape == (2, 8, 6)
    assert (columns["matrix_x"], columns["size_y"]) == (6, 8)
    np.testing.assert_allclose(k.noise, noise.T, rtol=1e-6)


SPOKES = np.stack([np.arange(8) - 4.0, np.zeros(8)], axis=-1) @ np.array([[0.6, 0.8], [-0.8, 0.6]])
UNITS = {
    "cycles_per_fov": np.array([1, 1]),
    "half_cycles_per_fov": np.array([2, 2]),
    "cycles_per_pixel": 1 / np.array([8, 8]),
    "radians_per_pixel": 2 * np.pi / np.array([8, 8]),
    "1/mm": 1 / np.array([16, 24]),
    "1/m": 1000 / np.array([16, 24]),
}
RADIAL = {"axes": ["coil", "shot", "sample"], "matrix": [8, 8, 1]}


@pytest.mark.parametrize("unit", UNITS)
def test_trajectories_of_every_unit(tmp_path, unit):
    trajectory = {"points": "t", "unit": unit}
    samples = np.ones((2, 1, 8), complex)
    k, columns = read(tmp_path, {**RADIAL, "trajectory": trajectory}, k=samples, t=SPOKES[None] * UNITS[unit])
    np.testing.assert_allclose(k.trajectory.points[0, 0, 0], SPOKES, atol=1e-12)
    assert {"n_shots": 1, "n_samples": 8, "acceleration": 8.0}.items() <= columns.items()


def test_a_trajectory_in_another_order_of_axes_coordinates_and_sign(tmp_path):
    stored = np.stack([np.zeros((8, 1)), -SPOKES[:, 1:], -SPOKES[:, :1]])  # (z, y, x; sample, shot)
    trajectory = {"points": "t", "axes": ["coordinate", "sample", "shot"], "coordinates": ["z", "y", "x"], "sign": -1}
    k, _ = read(tmp_path, {**RADIAL, "trajectory": trajectory}, k=np.ones((2, 1, 8), complex), t=stored)
    np.testing.assert_allclose(k.trajectory.points[0, 0, 0], SPOKES, atol=1e-12)
    trajectory = {"points": "t", "axes": ["shot", "sample"]}
    stored = (SPOKES @ [1, 1j])[None]
    k, _ = read(tmp_path, {**RADIAL, "trajectory": trajectory}, k=np.ones((2, 1, 8), complex), t=stored)
    np.testing.assert_allclose(k.trajectory.points[0, 0, 0], SPOKES, atol=1e-12)


def test_indices_of_the_grid(tmp_path):
    index = np.stack(np.meshgrid(np.arange(8), np.arange(8), indexing="xy"), axis=-1)
    trajectory = {"points": "t", "unit": "grid_index"}
    k, _ = read(tmp_path, {**RADIAL, "trajectory": trajectory}, k=np.ones((2, 8, 8), complex), t=index)
    assert k.trajectory.points[0, 0, 0, 0].tolist() == [-4, -4]
    assert k.trajectory.points[0, 0, 7, 7].tolist() == [3, 3]


def test_the_radial_head_by_its_recipe(data_folder):
    """The trajectory of SOURCE.md, number by number, from spokes and delays of a card."""
    card = load_card("radial_head")
    root = data_folder / "mr_kspace_radial_head"
    (row,) = card.rows(root)
    assert (row.problem, row.columns["n_coils"], row.columns["n_shots"]) == ("", 16, 29)
    assert set(row.files["scan"]) == {"kMB1_top_SP29.cfl", "kMB1_top_SP29.hdr"}
    k = card.read("scan", {path: root / path for path in row.files["scan"]})
    phi = 2 * np.pi * np.arange(29)[:, None] / 29
    r = np.arange(384) - 191.5
    qx, qy, qxy = -0.614225, -0.651670, -0.000881
    a = r * np.cos(phi) + qx * np.cos(phi) + qxy * np.sin(phi)
    b = r * np.sin(phi) + qxy * np.cos(phi) + qy * np.sin(phi)
    np.testing.assert_allclose(k.trajectory.points[0, 0], np.stack([b, a], axis=-1), atol=1e-9)
    stored = np.fromfile(root / "kMB1_top_SP29.cfl", np.complex64).reshape((384, 29, 16), order="F")
    np.testing.assert_array_equal(k.array[0, 0], stored.T)
    assert (k.geometry.shape, k.recon.shape) == ((1, 384, 384), (1, 192, 192))


RADIAL_HEAD = """
name: radial_head
rows: {files: "{name}.cfl", key: "{name}"}
roles:
  scan:
    kind: kspace
    axes: [sample, shot, coil]
    matrix: [384, 384, 1]
    recon: [192, 192, 1]
    spacing: [1, 1, 5]
    trajectory:
      spokes: {start: 0, step: 12.413793103448276, is_symmetric: true}
      coordinates: [y, x]
      delays: [-0.651670, -0.614225, -0.000881]
"""


def test_a_bart_pair_that_is_staged_apart(tmp_path):
    """A store may put the two files of a pair into different folders."""
    card = parse_card(RADIAL_HEAD.replace("384, 384", "4, 4").replace("192, 192", "2, 2").replace("-0.6", "0."))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    np.ones((2, 3, 4), np.complex64).tofile(tmp_path / "a" / "x.cfl")
    (tmp_path / "b" / "x.hdr").write_text("# Dimensions\n4 3 2\n")
    k = card.read("scan", {"x.cfl": tmp_path / "a" / "x.cfl", "x.hdr": tmp_path / "b" / "x.hdr"})
    assert k.array.shape == (1, 1, 2, 3, 4)


GOOD = {"k": KSPACE[:, :, 0], "m": np.ones(12), "t": np.zeros((1, 8, 2))}
PLANAR = {"axes": ["slice", "coil", "y", "x"]}
FAULTS = {
    "real": (PLANAR, {"k": np.ones((2, 3, 10, 12))}, "must be complex"),
    "not a number": (PLANAR, {"k": np.where(np.arange(12) == 3, np.nan, KSPACE[:, :, 0])}, "must be finite"),
    "axes": ({"axes": ["coil", "y", "x"]}, {}, "axes do not fit"),
    "matrix": ({**PLANAR, "matrix": [12, 8, 1]}, {}, "does not fit the card's matrix along y"),
    "center": ({**PLANAR, "matrix": [12, 14, 1], "center": [6, 9, 0]}, {}, "does not fit the card's matrix along y"),
    "recon": ({**PLANAR, "recon": [12, 11, 1]}, {}, "larger than what is encoded"),
    "mask": ({**PLANAR, "mask": {"array": "m", "axes": ["y"]}}, {}, "the mask does not fit k-space"),
    "empty mask": ({**PLANAR, "mask": {"array": "m", "axes": ["x"]}}, {"m": np.zeros(12)}, "the mask is empty"),
    "outside": ({**RADIAL, "trajectory": {"points": "t", "unit": "cycles_per_pixel"}},
                {"k": np.ones((2, 1, 8), complex), "t": SPOKES[None]}, "leaves k-space"),
    "length": ({**RADIAL, "trajectory": {"points": "t"}}, {"k": np.ones((2, 1, 9), complex)}, "not fit the samples"),
    "no z": ({**RADIAL, "matrix": [8, 8, 4], "trajectory": {"points": "t"}}, {"k": np.ones((2, 1, 8), complex)},
             "lacks a coordinate"),
    "points not finite": ({**RADIAL, "trajectory": {"points": "t"}},
                          {"k": np.ones((2, 1, 8), complex), "t": np.full((1, 8, 2), np.inf)}, "needs finite points"),
    "noise": ({**PLANAR, "noise": {"array": "n"}}, {"n": np.ones((4, 9), complex)}, "coils of noise disagree"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_do_not_fit_the_card(tmp_path, fault):
    role, arrays, words = FAULTS[fault]
    with pytest.raises(InputError, match=words):
        read(tmp_path, role, **{**GOOD, **arrays})


@pytest.mark.parametrize(
    "role",
    [
        {"axes": ["coil", "x"]},
        {"axes": ["coil", "y", "x", "sample"]},
        {"axes": ["coil", "y", "y", "x"]},
        {**RADIAL, "matrix": None, "trajectory": {"points": "t"}},
        {**RADIAL, "trajectory": {}},
        {**RADIAL, "trajectory": {"points": "t", "spokes": {"step": 1}}},
        {**RADIAL, "trajectory": {"points": "t", "coordinates": ["x", "z"]}},
        {**RADIAL, "trajectory": {"points": "t", "unit": "furlongs"}},
        {**PLANAR, "oversampled": "x"},
    ],
)
def test_cards_that_are_wrong_in_themselves(tmp_path, role):
    with pytest.raises(SpecError, match="the card is wrong"):
        read(tmp_path, role, **GOOD)
