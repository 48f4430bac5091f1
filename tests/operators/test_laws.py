"""Every operator keeps the laws, in both float types, on every device that is here."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import laws
import scanmill.operators
from laws_mr import COMPLEX_OPERATORS
from scanmill.errors import InputError, SpecError
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.linear import LinearOperator, require_matched
from scanmill.operators.projection import ProjectionOp

CASES = [
    *((laws.OPERATORS, name, dtype) for name in laws.OPERATORS for dtype in (np.float32, np.float64)),
    *((COMPLEX_OPERATORS, name, dtype) for name in COMPLEX_OPERATORS for dtype in (np.complex64, np.complex128)),
]
each_operator = pytest.mark.parametrize("case", CASES, ids=[f"{name}-{dtype.__name__}" for _, name, dtype in CASES])


def made(case):
    operators, name, dtype = case
    return operators[name](dtype)


@each_operator
def test_linear(case):
    op = made(case)
    laws.assert_linear(op)
    laws.assert_linear(op.H)


@each_operator
def test_adjoint(case):
    op = made(case)
    if not op.matched:
        with pytest.raises(SpecError):
            require_matched(op)
        with pytest.raises(AssertionError):
            laws.assert_adjoint(op)
        return
    require_matched(op)
    laws.assert_adjoint(op)
    laws.assert_adjoint(op.H)


@each_operator
def test_gram(case):
    op = made(case)
    if op.matched:
        laws.assert_gram(op)


@each_operator
def test_another_shape_is_refused(case):
    op = made(case)
    with pytest.raises(InputError):
        op(np.zeros((*op.in_shape, 2), op.dtype))


def test_the_list_holds_every_operator():
    found = set()
    for module in pkgutil.iter_modules(scanmill.operators.__path__, "scanmill.operators."):
        for cls in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(cls) and issubclass(cls, LinearOperator) and not cls.__name__.startswith("_"):
                found.add(cls)
    listed = {type(made(case)) for case in CASES}
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
