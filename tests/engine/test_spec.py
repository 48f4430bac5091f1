"""Job files: what is accepted, what is refused and with which words, overrides, repeats, wiring."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spec_steps import ALL
from scanmill.engine.overrides import apply_overrides
from scanmill.engine.spec import JobSpec, StepSpec, load_job
from scanmill.errors import SpecError
from scanmill.steps import table

RECONSTRUCT = {"name": "images", "steps": ["read", "ct.reconstruct", "save"]}
FILE = """\
version: 1
name: a job
seed: 4
stages:
  - name: images
    steps:
      - read
      - ct.reconstruct: {iterations: 30}
      - use: smooth
        in: {image: image}
        out: {image: smooth}
      - {use: save, in: {image: smooth}}
"""


@pytest.fixture(autouse=True)
def steps(monkeypatch):
    """The steps of spec_steps.py, and no others."""
    table.find_step.cache_clear()
    monkeypatch.setattr(table, "step_paths", lambda: ALL)
    yield
    table.find_step.cache_clear()


def job(*stages, **more) -> JobSpec:
    return JobSpec.from_mapping({"name": "job", "stages": list(stages), **more})


def refused(*stages, **more) -> str:
    with pytest.raises(SpecError) as raised:
        job(*(stages or (RECONSTRUCT,)), **more)
    return str(raised.value)


def stage(*steps, name="images", **more):
    return {"name": name, "steps": list(steps), **more}


def from_text(tmp_path: Path, text: str, overrides=None) -> JobSpec:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    return load_job(path, overrides)


def why(tmp_path: Path, text: str, overrides=None) -> str:
    with pytest.raises(SpecError) as raised:
        from_text(tmp_path, text, overrides)
    return str(raised.value)


# --- what is accepted


def test_a_job_file(tmp_path):
    found = from_text(tmp_path, FILE)
    assert (found.name, found.seed, found.stages[0].kind, found.stages[0].source) == ("a job", 4, "rows", "cohort")
    assert [step.use for step in found.stages[0].steps] == ["read", "ct.reconstruct", "smooth", "save"]
    assert found.stages[0].steps[1].resolved().iterations == 30
    assert found.stages[0].steps[2].out == {"image": "smooth"}


def test_the_resolved_job_says_every_default_and_comes_back_the_same(tmp_path):
    found = from_text(tmp_path, FILE)
    text = found.to_yaml()
    assert yaml.safe_load(text)["stages"][0]["steps"][1]["params"] == {
        "iterations": 30,
        "method": "fbp",
        "window": None,
    }
    assert from_text(tmp_path, text) == found.resolved()
    assert from_text(tmp_path, text).to_yaml() == text


def test_three_ways_to_write_a_step():
    forms = ["ct.reconstruct", {"ct.reconstruct": None}, {"use": "ct.reconstruct", "params": {}}]
    assert len({repr(StepSpec.model_validate(form)) for form in forms}) == 1


def test_groups_and_reductions():
    found = job(
        stage("scan.merge", "ct.reconstruct", "save", kind="groups", by=["patient_key", "visit"]),
        stage("mean", name="mean", kind="reduce", fan_in=4, **{"from": "${images}"}),
    )
    assert found.stages[0].by == ("patient_key", "visit")
    assert found.stages[1].source_stage == "images"
    assert found.stage("mean").fan_in == 4
    with pytest.raises(SpecError, match="no such stage"):
        found.stage("men")


# --- what is refused, with the line and what may have been meant


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ct.reconstruct:", "ct.reconstuct:", r"line 8.*unknown step 'ct.reconstuct'.*did you mean ct.reconstruct"),
        ("iterations: 30", "iteration: 30", r"unknown parameter iteration of step.*line 8.*did you mean iterations\?"),
        ("iterations: 30", "iterations: 0", r"parameter iterations.*line 8.*greater than or equal to 1.*got 0"),
        ("iterations: 30", "method: mlem", r"parameter method.*'fbp' or 'sirt'"),
        ("seed: 4", "sed: 4", r"unknown sed.*line 3.*did you mean seed"),
        ("seed: 4", "seed: many", r"seed.*line 3.*integer.*'many'"),
        ("    steps:", "    attemps: 3\n    steps:", r"unknown stages.0.attemps.*line 6.*did you mean attempts"),
        ("    steps:", "    attempts: 0\n    steps:", r"attempts.*line 6"),
        ("    steps:", "    timeout_s: {compute: -1}\n    steps:", r"timeout_s.compute.*line 6.*greater than 0"),
        ("    steps:", "    kind: row\n    steps:", r"kind.*line 6.*'rows', 'groups' or 'reduce'"),
        ("    steps:", "    kind: groups\n    steps:", r"`by:`"),
        ("    steps:", "    from: ${before}\n    steps:", r"no earlier stage.*line 5.*before"),
        ("    steps:", "    from: before\n    steps:", r"stages.0.from.*line 6"),
        ("version: 1", "version: 2", r"version.*line 1"),
        ("name: a job", "name: ../../etc", r"name.*line 2"),
        ("name: a job", "", r"name is missing"),
        ("  - name: images", "  - name: a/b", r"stages.0.name.*line 5"),
        ("in: {image: image}", "in: {picture: image}", r"smooth has no port 'picture'.*image"),
        ("in: {image: smooth}", "in: {image: smoth}\n    name: images", r"given twice|not YAML"),
        ("- read", "- read: {deep: 1}", r"unknown parameter deep.*nothing to set"),
        ("      - read", "      - save\n      - read", r"out of order"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, said):
    assert old in FILE
    message = why(tmp_path, FILE.replace(old, new, 1))
    for part in (*said.split(".*"), r"job\.yaml"):
        assert re.search(part, message), message


def test_a_value_that_nothing_writes_is_found_when_the_roles_are_known(tmp_path):
    found = from_text(tmp_path, FILE)
    assert found.wiring_errors() == []
    assert found.wiring_errors(["scan"]) == []
    assert found.wiring_errors({"scan": "projections"}) == []
    assert found.wiring_errors({"scan": "volume"}) == [
        "stage images: ct.reconstruct reads 'scan' as projections, but it is volume"
    ]
    assert found.wiring_errors(["scans", "truth"]) == [
        "stage images: ct.reconstruct reads 'scan' (projections), which nothing writes (there is scans)"
    ]


def test_kinds_must_fit_even_before_the_roles_are_known():
    said = refused(stage("ct.reconstruct", {"use": "scan.merge", "in": {"scan": "image"}}))
    assert "scan.merge reads 'image' as projections, but it is volume" in said


def test_an_optional_port_may_stay_empty_but_not_be_wired_to_nothing():
    wired = {"use": "ct.reconstruct", "in": {"start": "guess"}}
    assert job(stage("ct.reconstruct")).wiring_errors(["scan"]) == []
    assert "guess" in job(stage(wired)).wiring_errors(["scan"])[0]


def test_a_reduction_goes_with_reduce_and_only_there():
    assert "needs `kind: reduce`" in refused(stage("mean"))
    assert "exactly one step that reduces" in refused(stage("smooth", kind="reduce"))


def test_two_files_of_a_stage_have_two_names():
    save = {"use": "save", "params": {"output": "picture"}}
    assert "two steps save 'picture'" in refused(stage("ct.reconstruct", save, save))
    assert job(stage("ct.reconstruct", save, "save")).stages


def test_what_another_stage_saves_is_what_there_is_to_read():
    first = stage("ct.reconstruct", {"use": "save", "params": {"output": "picture"}}, name="first")
    second = stage({"use": "smooth", "in": {"image": "picture"}}, **{"from": "${first}"})
    assert job(first, second).wiring_errors(["scan"]) == []
    assert "nothing writes (there is picture)" in refused(first, stage("smooth", **{"from": "${first}"}))
    assert "saves no 'image'" in refused(first, stage("read", **{"with": {"a": "${first.image}"}}))
    named = job(first, stage({"use": "smooth", "in": {"image": "a"}}, **{"with": {"a": "${first.picture}"}}))
    assert named.stages[1].extra_stages == {"a": ("first", "picture")}
    assert named.wiring_errors(["scan"]) == []
    secret = stage("ct.reconstruct", "export", name="first")
    assert job(secret, stage("smooth", **{"from": "${first}", "with": {"b": "${first.anything}"}}))


def test_names_of_stages_are_unique_and_not_cohort():
    assert "taken" in refused(stage("read", name="a"), stage("read", name="a"))
    assert "taken" in refused(stage("read", name="cohort"))


@pytest.mark.parametrize(
    "stages", [None, [], {}, "images", [1], [{"repeat": 2}], [{"repeat": 0, "stages": [RECONSTRUCT]}]]
)
def test_stages_must_be_a_list_of_stages(stages):
    with pytest.raises(SpecError):
        JobSpec.from_mapping({"name": "job", "stages": stages})


# --- hostile or broken files

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mapping"),
        ("- a\n- b\n", "mapping is expected.*list"),
        ("name: [a\nstages: 1", "not YAML"),
        ("name: !!python/object/apply:os.system ['true']\n", "not YAML"),
        (BOMB, "too many values"),
        ("a: &a [*a]\n", "too many values|nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("a: " + "x" * (1 << 20), "too large"),
        ("name: a\nname: b\n", "'name' is given twice.*line 2"),
        ("when: 2024-99-99\n", "not YAML"),
        ("? {a: 1}\n: 2\n", "not YAML"),
    ],
)
def test_files_that_are_no_job(tmp_path, text, said):
    message = why(tmp_path, text)
    assert re.search(said, message), message


def test_a_file_that_is_absent_or_binary(tmp_path):
    with pytest.raises(SpecError, match=r"cannot be read \(none\.yaml\)"):
        load_job(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="UTF-8"):
        load_job(tmp_path / "binary.yaml")


SCALARS = st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
KEYS = st.sampled_from(["name", "kind", "by", "from", "with", "where", "steps", "repeat", "stages", "attempts", "seed"])


@settings(max_examples=200, deadline=None)
@given(
    told=st.dictionaries(KEYS, ANYTHING | st.just([RECONSTRUCT]), max_size=5), where=st.sampled_from(["job", "stage"])
)
def test_whatever_stands_there_is_a_job_or_a_spec_error(told, where):
    mapping = {"name": "job", "stages": [told]} if where == "stage" else {"stages": [RECONSTRUCT], "name": "j", **told}
    with suppress(SpecError):
        assert isinstance(JobSpec.from_mapping(mapping), JobSpec)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, len(FILE)), junk=st.text(max_size=5))
def test_a_file_with_anything_in_it_is_a_job_or_a_spec_error(cut, junk, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(FILE[:cut] + junk + FILE[cut:], encoding="utf-8", errors="replace")
    with suppress(SpecError):
        assert load_job(path).stages


# --- overrides


def overridden(tmp_path, *sets):
    return from_text(tmp_path, FILE, list(sets))


def test_settings_of_steps_stages_and_the_job(tmp_path):
    sets = "ct.reconstruct.iterations=50", "images.ct.reconstruct.window=[0, 1]", "images.attempts=7", "seed=9"
    found = overridden(tmp_path, *sets, "images.timeout_s.compute=5", "name=other")
    params = found.stages[0].steps[1].resolved()
    assert (params.iterations, params.window) == (50, (0.0, 1.0))
    assert (found.stages[0].attempts, found.seed, found.name) == (7, 9, "other")
    assert found.stages[0].timeout_s.compute == 5
    assert found.stages[0].timeout_s.read == 3600


def test_a_mapping_of_overrides_is_taken_too(tmp_path):
    assert from_text(tmp_path, FILE, {"ct.reconstruct.iterations": 3}).stages[0].steps[1].params == {"iterations": 3}


def test_an_override_leaves_the_mapping_alone():
    told = {"name": "job", "stages": [stage("ct.reconstruct")]}
    assert apply_overrides(told, ["ct.reconstruct.iterations=2"]) != told
    assert told["stages"][0]["steps"] == ["ct.reconstruct"]


def test_of_two_steps_of_a_name_it_must_be_said_which():
    told = {"name": "job", "stages": [stage("ct.reconstruct", {"ct.reconstruct": {"iterations": 5}})]}
    with pytest.raises(SpecError, match=r"images\.ct\.reconstruct#1\.iterations, images\.ct\.reconstruct#2"):
        apply_overrides(told, ["ct.reconstruct.iterations=2"])
    found = apply_overrides(told, ["ct.reconstruct#2.iterations=2", "images.ct.reconstruct#1.iterations=3"])
    assert [step["params"]["iterations"] for step in found["stages"][0]["steps"]] == [3, 2]


def test_in_several_stages_the_stage_must_be_said():
    told = {"name": "job", "stages": [stage("ct.reconstruct", name="a"), stage("ct.reconstruct", name="b")]}
    with pytest.raises(SpecError, match=r"a\.ct\.reconstruct.*b\.ct\.reconstruct"):
        apply_overrides(told, ["ct.reconstruct.iterations=2"])
    found = apply_overrides(told, ["b.ct.reconstruct.iterations=2"])
    assert found["stages"][0]["steps"] == [{"use": "ct.reconstruct", "params": {}}]
    assert found["stages"][1]["steps"][0]["params"] == {"iterations": 2}


def test_a_setting_reaches_into_a_repeated_block():
    told = {"name": "job", "stages": [{"repeat": 2, "stages": [stage("ct.reconstruct")]}]}
    found = JobSpec.from_mapping(apply_overrides(told, ["ct.reconstruct.iterations=2"]))
    assert [stage.steps[0].resolved().iterations for stage in found.stages] == [2, 2]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("iterations=3", "nothing of this name"),
        ("ct.reconstrut.iterations=3", "settings begin with.*ct.reconstruct"),
        ("ct.reconstruct.iterations", "`step.param=value`"),
        ("=3", "`step.param=value`"),
        ("ct.reconstruct.iterations=[", "not YAML"),
        ("ct.reconstruct.iteration=3", "did you mean iterations"),
        ("stages=[]", "nothing of this name"),
    ],
)
def test_a_setting_that_fits_nothing(tmp_path, told, said):
    message = why(tmp_path, FILE, [told])
    assert re.search(said, message), message


# --- repeats


def names_and_sources(*stages):
    return [(one.name, one.source, dict(one.extra)) for one in job(*stages).stages]


def template(**more):
    return stage({"use": "export", "in": {"image": "image"}}, name="template", **more)


def test_a_repeated_block_reads_what_the_time_before_has_made():
    align = stage("smooth", "save", name="align", **{"with": {"fixed": "${template.image}"}})
    mean = stage(
        "mean", {"use": "save", "in": {"image": "mean"}}, name="template", kind="reduce", **{"from": "${align}"}
    )
    last = stage("read", name="last", **{"from": "${align}", "with": {"mean": "${template.image}"}})
    assert names_and_sources(template(), {"repeat": 2, "stages": [align, mean]}, last) == [
        ("template", "cohort", {}),
        ("align.1", "cohort", {"fixed": "${template.image}"}),
        ("template.1", "${align.1}", {}),
        ("align.2", "cohort", {"fixed": "${template.1.image}"}),
        ("template.2", "${align.2}", {}),
        ("last", "${align.2}", {"mean": "${template.2.image}"}),
    ]


def test_the_first_time_there_must_be_something_to_read():
    align = stage("read", name="align", **{"with": {"fixed": "${template.image}"}})
    assert "put a stage named 'template' before" in refused({"repeat": 2, "stages": [align, template()]})


def test_blocks_within_blocks():
    inner = {"repeat": 2, "stages": [stage("smooth", "save", name="b", **{"from": "${b}"})]}
    first = stage("ct.reconstruct", "save", name="b")
    assert names_and_sources(first, {"repeat": 2, "stages": [inner, stage("read", name="c", **{"from": "${b}"})]}) == [
        ("b", "cohort", {}),
        ("b.1.1", "${b}", {}),
        ("b.1.2", "${b.1.1}", {}),
        ("c.1", "${b.1.2}", {}),
        ("b.2.1", "${b.1.2}", {}),
        ("b.2.2", "${b.2.1}", {}),
        ("c.2", "${b.2.2}", {}),
    ]


def test_a_mistake_in_a_repeated_block_has_its_line(tmp_path):
    text = "name: j\nstages:\n  - repeat: 3\n    stages:\n      - name: a\n        steps: [read]\n        gpu: 1\n"
    assert "line 7" in why(tmp_path, text)


def test_an_unrolled_job_comes_back_from_its_text(tmp_path):
    found = job(stage("read", name="a"), {"repeat": 3, "stages": [stage("read", name="b", **{"from": "${a}"})]})
    assert from_text(tmp_path, found.to_yaml()) == found.resolved()


# --- the page that shows a job file


def test_the_documented_job_works_with_the_real_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "step_paths", lambda: {**table.STEPS, "my.align": ALL["my.align"]})
    page = (Path(__file__).parents[2] / "docs" / "job-file.md").read_text()
    text = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    settings = re.findall(r"`--set\s+([a-z_.]+=\S+?)`", page)
    assert settings.pop(0) == "step.param=value"
    found = from_text(tmp_path, text, settings)
    assert len(settings) == 3
    names = ["images", "template", "aligned.1", "template.1", "aligned.2", "template.2"]
    assert [one.name for one in found.stages] == names
    assert found.wiring_errors({"scan": "projections"}) == []
    assert dict(found.stage("aligned.2").extra) == {"fixed": "${template.1.image}"}
    assert (found.seed, found.stages[0].attempts, found.stages[0].gpus) == (7, 1, 1)
