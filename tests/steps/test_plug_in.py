"""The how-to page docs/write-a-step.md: its step, installed as it says, is found, validated and keeps the contract."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from scanmill.errors import SpecError
from scanmill.steps import table
from scanmill.steps.contract import Step
from scanmill.testing import StepContract

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-step.md").read_text()


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """What pip leaves behind: the package, and its entry points beside it."""
    code = re.search(r"```python\n# my_steps/invert.py\n(.*?)```", PAGE, re.DOTALL)[1]
    entry = re.search(r'^"my.invert" = "(.*?)"$', PAGE, re.MULTILINE)[1]
    package, info = tmp_path / "my_steps", tmp_path / "my_steps-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").touch()
    (package / "invert.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-steps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[scanmill.steps]\nmy.invert = {entry}\nsave = my_steps.invert:STEP\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    for cached in (table.step_paths, table.find_step):
        cached.cache_clear()
    yield
    for cached in (table.step_paths, table.find_step):
        cached.cache_clear()
    for name in ("my_steps.invert", "my_steps"):
        sys.modules.pop(name, None)


def test_an_installed_step_is_found_and_ours_cannot_be_replaced(plug_in):
    step = table.find_step("my.invert")
    assert isinstance(step, Step)
    assert step.params(top=2).top == 2
    assert table.find_step("save").run.__module__ == "scanmill.steps.save"


def test_it_keeps_the_contract(plug_in):
    contract = type("TestInvert", (StepContract,), {"step": table.find_step("my.invert")})()
    for name in dir(StepContract):
        if name.startswith("test_"):
            getattr(contract, name)()


def test_without_it_there_is_no_such_step():
    with pytest.raises(SpecError, match="did you mean"):
        table.find_step("my.invert")
