"""A driver in a process of its own, to be killed: ``python chaos_driver.py '{"cohort": ..., "out": ..., ...}'``."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engine" / "plugin"))


def main(told):
    from scanmill.cohort import Cohort
    from scanmill.engine.runs import start_run
    from scanmill.engine.spec import JobSpec

    stage = {
        "name": "main",
        "steps": ["t.read", {"t.scale": {"noise": 1.0}}, {"t.fault": {"seconds": told["seconds"]}}, "t.save"],
        "attempts": 3,
    }
    job = JobSpec.from_mapping({"name": "chaos", "seed": 5, "stages": [stage]})
    known = {key: told[key] for key in ("out", "ledger_url", "address", "workers") if told.get(key) is not None}
    summary = start_run(job, Cohort.open(told["cohort"]), **known)
    print(json.dumps({"status": summary.status, "folder": summary.folder, "counts": summary.counts}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
