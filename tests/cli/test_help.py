"""What a newcomer meets: help with an example for every command, steps, doctor, and errors that lead on."""

import json
import subprocess
import sys

import pytest
import typer

from raw_scans import scanmill
from scanmill.cli import app
from scanmill.cli.shell import Shell


def commands(group=None, words=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_shows_an_example_of_itself(words):
    found = scanmill(*words, "--help")
    assert found.exit_code == 0
    text = " ".join(found.stdout.split())
    assert f"Example: scanmill {' '.join(words)}" in text


def test_the_real_command_starts_without_heavy_libraries():
    code = "import sys; from scanmill.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('ray', 'mlflow', 'numba', 'cupy', 'torch', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert "cohort" in done.stdout


def test_steps_are_listed_with_what_they_read_and_write():
    found = scanmill("steps")
    assert found.exit_code == 0
    for name in ("ct.prepare", "ct.reconstruct", "image.quality", "save"):
        assert name in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 100
    one = scanmill("steps", "save")
    assert "image (any)" in one.stdout
    assert "nifti | npz | dicom" in one.stdout


def test_steps_as_json_are_the_schema_of_their_parameters():
    (step,) = json.loads(scanmill("steps", "ct.reconstruct", "--json").stdout)
    assert step["reads"]["scan"]["kind"] == "projections"
    assert "method" in step["params"]["properties"]
    assert len(json.loads(scanmill("steps", "--json").stdout)) >= 8


def test_an_unknown_step_names_its_neighbour():
    found = scanmill("steps", "ct.reconstrct")
    assert found.exit_code == 2
    assert found.stdout == ""
    assert "did you mean ct.reconstruct" in found.stderr


def test_doctor_says_what_there_is_and_what_is_missing(tmp_path, monkeypatch):
    told = json.loads(scanmill("doctor", "--root", tmp_path, "--json").stdout)
    assert told["problems"] == []
    assert told["nodes"][0]["n_cpus"] >= 1
    monkeypatch.setattr("scanmill.engine.health._kernels", lambda: "no compiler")
    ill = scanmill("doctor", "--root", tmp_path / "gone")
    assert ill.exit_code == 4
    assert "cores" in ill.stdout
    assert "there is no such folder" in ill.stdout
    assert "no compiler" in ill.stdout
    assert "2 things to mend" in ill.stdout


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (["run", "nojob", "--cohort", __file__], 2, "known by name"),
        (["runs", "show", "nowhere"], 2, "scanmill runs list"),
        (["resume", "nowhere"], 2, "scanmill runs list"),
        (["cancel", "nowhere"], 2, "scanmill runs list"),
        (["runs", "verify", "nowhere"], 2, "scanmill runs list"),
        (["runs", "retry", "nowhere"], 2, "scanmill runs list"),
        (["runs", "track", "nowhere"], 2, "scanmill runs list"),
        (["cohort", "build", ".", "--card", "nocard"], 2, "htc2022"),
        (["cohort", "show", __file__], 2, "not Parquet"),
        (["run", "demo", "--cohort", "gone.parquet"], 2, "does not exist"),
    ],
)
def test_an_error_is_one_message_that_leads_on(words, code, advice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = scanmill(*words)
    assert found.exit_code == code
    assert advice in " ".join(found.stderr.split())
    assert "Traceback" not in found.output
    assert not list(tmp_path.iterdir())


def test_a_fault_of_ours_is_told_without_names_and_can_be_debugged(monkeypatch, tmp_path):
    fault = typer.Typer(cls=Shell)

    @fault.command()
    def one():
        raise KeyError("Jane Doe", str(tmp_path))

    @fault.command()
    def two():
        raise OSError(28, "No space left on device", "/home/doe")

    from typer.testing import CliRunner

    found = CliRunner().invoke(fault, ["one"])
    assert found.exit_code == 1
    assert "KeyError" in found.stderr
    assert "SCANMILL_DEBUG=1" in found.stderr
    assert "Doe" not in found.output
    assert str(tmp_path) not in found.output
    assert "Traceback" not in found.output
    full = CliRunner().invoke(fault, ["two"])
    assert full.exit_code == 4
    assert full.stderr == "ResourceError: No space left on device\n"
    monkeypatch.setenv("SCANMILL_DEBUG", "1")
    assert isinstance(CliRunner().invoke(fault, ["one"]).exception, KeyError)
