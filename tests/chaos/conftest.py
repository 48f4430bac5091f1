"""Fault injection on a real Ray. The steps are those of tests/engine/plugin."""

import os
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "engine" / "plugin"


@pytest.fixture(scope="session", autouse=True)
def plugin():
    from scanmill.steps.table import find_step, step_paths

    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    step_paths.cache_clear()
    find_step.cache_clear()
    return PLUGIN


@pytest.fixture(scope="session")
def ray_session(plugin):
    """One local Ray for all tests that need one; its workers find the test steps too."""
    from scanmill.engine.ray_session import connect, disconnect

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PLUGIN), os.environ.get("PYTHONPATH"))))
    ours = connect(None, 6)
    yield
    if ours:
        disconnect()


@pytest.fixture
def make_cohort(tmp_path):
    from scanmill_testcohort import small_cohort

    return lambda n, faults=None, **columns: small_cohort(tmp_path / "data", n, faults or {}, **columns)
