"""Many energies: against closed forms, single energies, and an integral by quadrature."""

import numpy as np
import pytest

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom, PolychromaticPhantom, Spectrum, attenuation
from scanmill.phantoms.compton import (
    CLASSICAL_RADIUS2_MM2,
    ELECTRONS_PER_MM3,
    klein_nishina,
    klein_nishina_total,
    scatter_of_cylinder,
    scattered_energy,
)

SCAN = ScanGeometry.parallel([0.0, 0.7], n_columns=31, column_spacing=4.0)
BODY = Ellipsoid((0.0, 0.0, 0.0), (50.0, 40.0, 30.0), 1.0)
PIN = Ellipsoid((20.0, 0.0, 0.0), (5.0, 5.0, 5.0), 1.0)
PARTS = {
    "water": Phantom((BODY, Ellipsoid(PIN.center, PIN.semi_axes, -1.0))),
    "bone": Phantom((PIN,)),
}


def test_the_table_is_met_and_half_way_lies_between():
    assert attenuation("iron", 60.0) == pytest.approx(1.205 * 7.874 / 10)
    assert attenuation("bone", [40.0, 80.0]).tolist() == pytest.approx([0.127776, 0.0427968])
    assert 0.01837 < attenuation("water", 70.0) < 0.02059
    with pytest.raises(InputError, match="10 to 200"):
        attenuation("water", 5.0)
    with pytest.raises(InputError, match="unknown material"):
        attenuation("lead", 60.0)


def test_one_energy_is_beer_and_lamberts_law():
    phantom = PolychromaticPhantom(PARTS)
    seen = phantom.projections(SCAN, Spectrum([60.0], [3.0]), dtype=np.float64).array
    np.testing.assert_allclose(seen, phantom.at(60.0).line_integrals(SCAN), atol=1e-12)


def test_two_energies_are_a_log_of_two_exponentials():
    phantom = PolychromaticPhantom(PARTS)
    seen = phantom.projections(SCAN, Spectrum([40.0, 80.0], [1.0, 3.0]), dtype=np.float64).array
    low, high = (phantom.at(energy).line_integrals(SCAN) for energy in (40.0, 80.0))
    np.testing.assert_allclose(seen, -np.log(0.25 * np.exp(-low) + 0.75 * np.exp(-high)), atol=1e-12)


def test_a_beam_hardens():
    tube = Spectrum.tube(120.0)
    lengths = np.array([1e-3, 100.0, 300.0])
    effective = tube.line_integrals({"water": lengths}) / lengths
    assert effective[0] == pytest.approx(tube.effective("water"), rel=1e-4)
    assert (np.diff(effective) < 0).all()
    assert Spectrum.tube(120.0, aluminium_mm=12.0).mean_kev > tube.mean_kev


def test_bad_spectra_and_paths_are_refused():
    with pytest.raises(InputError, match="weight"):
        Spectrum([50.0], [-1.0])
    with pytest.raises(InputError, match="voltage"):
        Spectrum.tube(500.0)
    with pytest.raises(InputError, match="lengths"):
        Spectrum.tube(80.0).line_integrals({"water": np.array([-1.0])})


def test_klein_and_nishina_integrate_to_their_total():
    cosine, weight = np.polynomial.legendre.leggauss(64)
    for energy in (30.0, 60.0, 140.0):
        total = 2 * np.pi * (weight @ klein_nishina(np.full(64, energy), cosine))
        assert klein_nishina_total(energy) == pytest.approx(total, rel=1e-9)
    thomson = 8 * np.pi / 3 * CLASSICAL_RADIUS2_MM2
    assert klein_nishina_total(0.1) == pytest.approx(thomson, rel=1e-3)


def test_single_scatter_is_the_integral_over_the_water():
    """One pixel's first order by quadrature over the cylinder, in cylinder coordinates of our own."""
    radius, energy = 40.0, 60.0
    scan = ScanGeometry.cone(
        [0.0], 3, 100.0, n_rows=3, row_spacing=100.0, source_to_isocenter=500, source_to_detector=900
    )
    found = scatter_of_cylinder(
        scan, radius_mm=radius, energy_kev=energy, n_photons=400_000, seed=1, n_orders=1
    ).scatter
    x, y, z = np.meshgrid(
        *(np.linspace(-r, r, n + 1)[:-1] + r / n for r, n in ((40, 40), (40, 40), (85, 60))), indexing="ij"
    )
    keep = x**2 + y**2 < radius**2
    points = np.stack([x[keep], y[keep], z[keep]], axis=1)
    voxel = (80 / 40) ** 2 * 170 / 60
    source = np.array([0.0, -500.0, 0.0])
    arriving = points - source
    d1 = np.linalg.norm(arriving, axis=1)
    along = arriving / d1[:, None]
    lit = (np.abs(along[:, 0] / along[:, 1] * 900) < 150) & (np.abs(along[:, 2] / along[:, 1] * 900) < 150)

    def exit_length(p, v):
        a, b, c = (v[:, :2] ** 2).sum(1), (p[:, :2] * v[:, :2]).sum(1), (p[:, :2] ** 2).sum(1) - radius**2
        return (-b + np.sqrt(b * b - a * c)) / a

    reach = np.exp(-attenuation("water", energy) * exit_length(points, -along)) / d1**2 * lit
    expected = []
    for column in (-100.0, 0.0):
        values = []
        for u in (-33.3, 0.0, 33.3):
            for v in (-33.3, 0.0, 33.3):
                way = np.array([column + u, 400.0, v]) - points
                d2 = np.linalg.norm(way, axis=1)
                way = way / d2[:, None]
                cosine = (way * along).sum(1)
                after = scattered_energy(energy, cosine)
                out = np.exp(-attenuation("water", after) * exit_length(points, way)) * way[:, 1] / d2**2
                per_area = (reach * klein_nishina(energy, cosine) * ELECTRONS_PER_MM3 * out).sum() * voxel
                to = np.array([column + u, 900.0, v])
                values.append(per_area / (900 / np.linalg.norm(to) ** 3))
        expected.append(np.mean(values))
    np.testing.assert_allclose(found[1, :2], expected, rtol=0.04)
