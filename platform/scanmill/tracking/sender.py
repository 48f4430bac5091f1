"""The one file that speaks to MLflow."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run, RunTag

from scanmill.errors import ResourceError

PER_BATCH = 100
"""MLflow takes at most 100 parameters or tags in one request (mlflow/utils/validation.py)."""
RUN_TAG = "scanmill_run_id"
FOREIGN = re.compile(r"[^\w\-. :/]", re.ASCII)
"""What MLflow takes in no name of a metric, such as the # of a step that stands twice."""

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)


class Sender:
    """Carries spooled items to the MLflow run tagged with ``run_id``; an item may be sent twice."""

    def __init__(self, run_id: str, tracking_uri: str, experiment: str, artifact_root: str | None = None) -> None:
        self.client = MlflowClient(tracking_uri=tracking_uri)
        self.run_id, self.experiment, self.artifact_root = run_id, experiment, artifact_root

    def send(self, item: Mapping[str, Any]) -> None:
        """Send one item of the spool."""
        getattr(self, f"_send_{item['kind']}")(item)

    def _send_start(self, item: Mapping[str, Any]) -> None:
        run = self._find() or self.client.create_run(
            self._experiment_id, start_time=item["at"], run_name=item["name"], tags={RUN_TAG: self.run_id}
        )
        self.__dict__["_mlflow_run"] = run.info.run_id
        params = [Param(key, value) for key, value in item["params"].items() if key not in run.data.params]
        for batch in _batches(params):
            self.client.log_batch(self._mlflow_run, params=batch)
        self.client.log_batch(self._mlflow_run, tags=[RunTag(key, value) for key, value in item["tags"].items()])
        if not (run.inputs and run.inputs.dataset_inputs):
            dataset = Dataset("cohort", item["cohort"][:36], "local", "cohort.parquet")
            self.client.log_inputs(self._mlflow_run, datasets=[DatasetInput(dataset, [])])
        self.client.update_run(self._mlflow_run, status="RUNNING")

    def _send_metrics(self, item: Mapping[str, Any]) -> None:
        metrics = [
            Metric(FOREIGN.sub(":", key), value, item["at"], item["step"]) for key, value in item["values"].items()
        ]
        self.client.log_batch(self._mlflow_run, metrics=metrics)

    def _send_artifact(self, item: Mapping[str, Any]) -> None:
        if Path(item["path"]).is_file():
            self.client.log_artifact(self._mlflow_run, item["path"], item["folder"] or None)

    def _send_end(self, item: Mapping[str, Any]) -> None:
        self.client.set_terminated(self._mlflow_run, item["status"], item["at"])

    @cached_property
    def _mlflow_run(self) -> str:
        run = self._find()
        if run is None:
            raise ResourceError("the MLflow run is gone", do="delete tracking/spool.sent to send all again")
        return str(run.info.run_id)

    def _find(self) -> Run | None:
        found = self.client.search_runs([self._experiment_id], f"tags.{RUN_TAG} = '{self.run_id}'", max_results=1)
        return found[0] if found else None

    @cached_property
    def _experiment_id(self) -> str:
        known = self.client.get_experiment_by_name(self.experiment)
        if known is not None:
            return str(known.experiment_id)
        return str(self.client.create_experiment(self.experiment, artifact_location=self.artifact_root))


def _batches(items: list[Param]) -> Iterator[list[Param]]:
    return (items[i : i + PER_BATCH] for i in range(0, len(items), PER_BATCH))
