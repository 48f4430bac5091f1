"""Plans: the same rows make the same units; groups, trees, forecasts."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from engine.spec_steps import ALL
from scanmill.engine.forecast import forecast
from scanmill.engine.plan import plan_stage, refused_rows, unit_seed
from scanmill.engine.spec import JobSpec, StageSpec
from scanmill.errors import SpecError
from scanmill.steps import table as steps_table
from scanmill.steps.contract import Prediction


@pytest.fixture(autouse=True)
def steps(monkeypatch):
    steps_table.find_step.cache_clear()
    monkeypatch.setattr(steps_table, "step_paths", lambda: ALL)
    yield
    steps_table.find_step.cache_clear()


def stage(*steps, **more) -> StageSpec:
    told = {"name": "main", "steps": list(steps or ("read",)), **more}
    return JobSpec.from_mapping({"name": "job", "stages": [told]}).stages[0]


def rows(count, **columns):
    return pa.table({"row_key": [f"row-{number:04d}" for number in range(count)], **columns})


def test_one_unit_per_row_in_the_order_of_the_table():
    units = plan_stage(stage(), rows(5), 3)
    assert [unit.row_keys for unit in units] == [(f"row-{number:04d}",) for number in range(5)]
    assert len({unit.unit_id for unit in units}) == len({unit.seed for unit in units}) == 5
    assert all(unit.seed == unit_seed(3, unit.unit_id) and not unit.needs for unit in units)


def test_units_depend_on_stage_and_row_only_and_seeds_on_the_job_too():
    first = {unit.row_keys: unit for unit in plan_stage(stage(), rows(9), 1)}
    shuffled = rows(9).take([8, 3, 1, 0, 2])
    for unit in plan_stage(stage(attempts=9), shuffled, 1):
        assert unit == first[unit.row_keys]
    other_seed = plan_stage(stage(), rows(9), 2)[0]
    assert other_seed.unit_id == first["row-0000",].unit_id
    assert other_seed.seed != first["row-0000",].seed
    told = {"name": "other", "steps": ["read"]}
    other = JobSpec.from_mapping({"name": "job", "stages": [told]}).stages[0]
    assert plan_stage(other, rows(9), 1)[0].unit_id not in {unit.unit_id for unit in first.values()}


def test_groups_are_rows_that_agree_in_all_columns_and_a_null_is_no_group():
    table = rows(6, patient=["a", "b", "a", None, "b", "a"], visit=[1, 1, 1, 1, 2, None])
    by_both = stage(kind="groups", by=["patient", "visit"])
    units = plan_stage(by_both, table, 0)
    assert sorted(unit.row_keys for unit in units) == [("row-0000", "row-0002"), ("row-0001",), ("row-0004",)]
    refused = refused_rows(by_both, table, 0)
    assert [(unit.row_keys, outcome.error_class, outcome.error) for unit, outcome in refused] == [
        (("row-0003",), "InputError", "the row belongs to no group: its patient is empty"),
        (("row-0005",), "InputError", "the row belongs to no group: its visit is empty"),
    ]
    everything = [unit.unit_id for unit in units] + [unit.unit_id for unit, _ in refused]
    assert len(set(everything)) == 5
    assert refused_rows(stage(), table, 0) == []
    shuffled = plan_stage(by_both, table.take([5, 4, 3, 2, 1, 0]), 0)
    assert {unit.unit_id for unit in shuffled} == {unit.unit_id for unit in units}


def test_a_column_to_group_by_must_be_there():
    with pytest.raises(SpecError, match=r"lacks a column.*visit"):
        plan_stage(stage(kind="groups", by=["visit"]), rows(2), 0)


@pytest.mark.parametrize(
    ("count", "fan_in", "levels"),
    [(1, 2, [1]), (16, 16, [1]), (17, 16, [2, 1]), (5, 2, [3, 2, 1]), (256, 16, [16, 1]), (257, 16, [17, 2, 1])],
)
def test_a_reduction_is_a_tree(count, fan_in, levels):
    units = plan_stage(stage("mean", kind="reduce", fan_in=fan_in), rows(count), 0)
    assert [sum(unit.level == level for unit in units) for level in range(len(levels))] == levels
    leaves = [key for unit in units for key in unit.row_keys]
    assert leaves == [f"row-{number:04d}" for number in range(count)]
    needed = [need for unit in units for need in unit.needs]
    assert sorted(needed) == sorted(unit.unit_id for unit in units[:-1]), "each is needed once, but for the root"
    assert all(len(unit.needs) <= fan_in for unit in units)
    seen: set[str] = set()
    for unit in units:
        assert seen.issuperset(unit.needs), "what is needed comes before"
        seen.add(unit.unit_id)


def test_a_reduction_does_not_depend_on_the_order_of_rows():
    reduce = stage("mean", kind="reduce", fan_in=3)
    backwards = rows(10).take(list(range(9, -1, -1)))
    assert plan_stage(reduce, rows(10), 0) == plan_stage(reduce, backwards, 0)


@pytest.mark.parametrize("kind", ["rows", "reduce"])
def test_no_rows_no_units(kind):
    assert plan_stage(stage("mean", kind="reduce") if kind == "reduce" else stage(), rows(0), 0) == []


@pytest.mark.parametrize("keys", [["a", "a"], ["a", None], ["a", ""]])
def test_row_keys_must_be_unique_texts(keys):
    with pytest.raises(SpecError, match="row keys must be unique"):
        plan_stage(stage(), pa.table({"row_key": keys}), 0)


def test_a_table_without_row_keys():
    with pytest.raises(SpecError, match="no row_key column"):
        plan_stage(stage(), pa.table({"a": [1]}), 0)


# --- forecasts


def test_costs_of_steps_add_up_and_devices_matter():
    table = rows(3, size=[1, 5, 2])
    plain = plan_stage(stage({"ct.reconstruct": {"iterations": 3}}, "ct.reconstruct"), table, 0)
    assert [unit.predicted.seconds for unit in plain] == [13.0, 65.0, 26.0]
    assert plain[1].predicted == Prediction(65, 0, 200)
    on_gpu = plan_stage(stage("ct.reconstruct", gpus=1), table, 0)
    assert [unit.predicted.device_bytes for unit in on_gpu] == [8, 40, 16]


def test_the_cost_of_a_group_is_that_of_its_rows():
    table = rows(3, size=[1, 5, 2], patient=["a", "b", "a"])
    units = plan_stage(stage("ct.reconstruct", kind="groups", by=["patient"]), table, 0)
    assert {unit.row_keys: unit.predicted.seconds for unit in units} == {
        ("row-0000", "row-0002"): 30,
        ("row-0001",): 50,
    }


def test_a_step_that_cannot_tell_costs_what_is_usual():
    assert forecast(stage("ct.reconstruct"), rows(2), "cpu") == [Prediction(), Prediction()]
    assert forecast(stage("ct.reconstruct"), rows(2, size=[None, 2]), "cpu") == [Prediction(), Prediction(20, 0, 100)]


def test_a_step_is_asked_again_by_the_columns_that_it_looks_at_only_for_some_rows():
    table = rows(4, kind=["small", "big", "big", "small"], large=[7, 8, 9, 6], size=[1, 1, 1, 1])
    assert [one.seconds for one in forecast(stage("branch"), table, "cpu")] == [1, 8, 9, 1]


def test_a_step_may_look_at_every_column_nested_ones_too():
    table = rows(3, nested=[{"a": 1}, {"a": 1}, None], listed=[[1], [], None])
    assert [one.seconds for one in forecast(stage("everything"), table, "cpu")] == [3, 3, 3]


def test_a_step_is_asked_once_for_rows_that_look_alike(monkeypatch):
    calls = []
    step = steps_table.find_step("ct.reconstruct")

    def predict(columns, params, device):
        calls.append(columns["size"])
        return step.predict(columns, params, device)

    monkeypatch.setattr("scanmill.engine.forecast.find_step", lambda name: replace(step, predict=predict))
    table = rows(10_000, size=[number % 4 for number in range(10_000)], other=list(range(10_000)))
    costs = forecast(stage("ct.reconstruct"), table, "cpu")
    assert len(calls) == 5
    assert [one.seconds for one in costs[:5]] == [0, 10, 20, 30, 0]


@pytest.mark.parametrize("chunks", [1, 3])
def test_tables_in_chunks_are_the_same(chunks):
    table = rows(9, size=[number % 3 + 1 for number in range(9)])
    parts = pa.concat_tables([table.slice(start, 9 // chunks) for start in range(0, 9, 9 // chunks)])
    assert plan_stage(stage("ct.reconstruct"), parts, 0) == plan_stage(stage("ct.reconstruct"), table, 0)
