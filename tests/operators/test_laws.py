"""Every operator keeps the laws, in both float types, on every device that is here."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import laws
import scanmill.operators
from scanmill.errors import InputError, SpecError
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.linear import LinearOperator, require_matched
from scanmill.operators.projection import ProjectionOp

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", laws.OPERATORS)
def test_linear(name, dtype):
    op = laws.OPERATORS[name](dtype)
    laws.assert_linear(op)
    laws.assert_linear(op.H)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", laws.OPERATORS)
def test_adjoint(name, dtype):
    op = laws.OPERATORS[name](dtype)
    if not op.matched:
        with pytest.raises(SpecError):
            require_matched(op)
        with pytest.raises(AssertionError):
            laws.assert_adjoint(op)
        return
    require_matched(op)
    laws.assert_adjoint(op)
    laws.assert_adjoint(op.H)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in laws.OPERATORS if "backprojection" not in name])
def test_gram(name, dtype):
    laws.assert_gram(laws.OPERATORS[name](dtype))


@pytest.mark.parametrize("name", laws.OPERATORS)
def test_another_shape_is_refused(name):
    op = laws.OPERATORS[name](np.float32)
    with pytest.raises(InputError):
        op(np.zeros((*op.in_shape, 2), np.float32))


def test_the_list_holds_every_operator():
    found = set()
    for module in pkgutil.iter_modules(scanmill.operators.__path__, "scanmill.operators."):
        for cls in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(cls) and issubclass(cls, LinearOperator) and not cls.__name__.startswith("_"):
                found.add(cls)
    listed = {type(factory(np.float32)) for factory in laws.OPERATORS.values()}
    assert found - {LinearOperator} <= listed


SCANS = {
    "parallel": laws.parallel(laws.GRID, 1.0),
    "fan": laws.fan(laws.GRID, 1.0),
    "cone": laws.cone(1.0),
    "tilted": laws.tilted(laws.cone(1.0)),
}


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [ProjectionOp, BackprojectionOp])
@pytest.mark.parametrize("scan", SCANS)
def test_the_gpu_agrees_with_the_cpu(scan, kind):
    cupy = _cupy()
    here = kind(laws.GRID, SCANS[scan], dtype=np.float32)
    there = kind(laws.GRID, SCANS[scan], dtype=np.float32, device="cuda:0")
    for a, b in ((here, there), (here.H, there.H)):
        x = laws.noise(a.in_shape, a.dtype)
        expected, got = a(x), cupy.asnumpy(b(cupy.asarray(x)))
        assert laws.norm(got - expected) <= 1e-5 * laws.norm(expected)


def _cupy():
    cupy = pytest.importorskip("cupy", reason="no CuPy here: needs a CUDA device")
    if cupy.cuda.runtime.getDeviceCount() == 0:
        pytest.skip("no CUDA device here")
    return cupy
