"""What a results manifest says, as plain numbers for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.arrays import HostArray

STATES = ("done", "failed", "quarantined", "cancelled", "waiting")
RANKING = ("mcc", "dice", "ssim", "psnr")
"""Metrics of which low is bad, the most telling first; a name that ends in one of these words ranks the rows."""
ROUNDING = 1e-9
TELLING = (*RANKING, "nrmse", "rmse", "noise", "edge_width_mm")


@dataclass(frozen=True)
class Spread:
    """A column of numbers in six: how many, least, median, 95th percentile, greatest, sum."""

    name: str
    n: int
    low: float
    median: float
    p95: float
    high: float
    total: float

    @property
    def varies(self) -> bool:
        """Whether the numbers differ by more than the rounding of a calculation.

        >>> Spread("jacobian", 2, 1 - 2**-53, 1.0, 1.0, 1.0, 2.0).varies
        False
        """
        return self.high - self.low > ROUNDING * max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class Failure:
    """Rows that ended for one reason; ``error`` is what the first of them said, ``row_keys`` are a few of them."""

    state: str
    error_class: str
    error: str
    n: int
    row_keys: tuple[str, ...]


def count_states(table: pa.Table) -> dict[str, int]:
    """How many rows ended in which state; they add up to the manifest.

    >>> count_states(pa.table({"status": ["done", "failed", "done"]}))
    {'done': 2, 'failed': 1, 'quarantined': 0, 'cancelled': 0, 'waiting': 0}
    """
    found = dict.fromkeys(STATES, 0)
    found.update({pair["values"]: pair["counts"] for pair in pc.value_counts(table["status"]).to_pylist()})
    return found


def numbers(table: pa.Table, column: str) -> HostArray:
    """The finite numbers of a column, as float64."""
    values = table[column].drop_null().to_numpy().astype(np.float64)
    return np.asarray(values[np.isfinite(values)])


def spreads(table: pa.Table, prefix: str) -> list[Spread]:
    """A `Spread` for every numeric column whose name starts with ``prefix`` (``metric.``, ``seconds.``)."""
    found = []
    for name in table.column_names:
        if name.startswith(prefix) and len(x := numbers(table, name)):
            low, median, p95, high = np.quantile(x, [0, 0.5, 0.95, 1])
            found.append(Spread(name.removeprefix(prefix), len(x), low, median, p95, high, float(x.sum())))
    return found


def failures(table: pa.Table, examples: int = 5) -> list[Failure]:
    """The rows that are not done, by state and reason, the most frequent first."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    texts: dict[tuple[str, str, str], str] = {}
    bad = table.filter(pc.invert(pc.is_in(table["status"], pa.array(["done", "waiting"]))))
    columns = (bad[name].to_pylist() for name in ("status", "error_class", "error", "row_key"))
    for state, error_class, error, row_key in zip(*columns, strict=True):
        why = (state, error_class or "", alike(error or ""))
        texts.setdefault(why, _first_line(error or ""))
        groups.setdefault(why, []).append(row_key)
    found = (Failure(*why[:2], texts[why], len(keys), tuple(keys[:examples])) for why, keys in groups.items())
    return sorted(found, key=lambda f: -f.n)


def ranking_metric(names: Iterable[str]) -> str | None:
    """The metric column that ranks rows: the first of `RANKING` that is there.

    >>> ranking_metric(["metric.noise", "metric.fbp.mcc", "metric.psnr"])
    'metric.fbp.mcc'
    """
    present = sorted(names)
    return next((n for word in RANKING for n in present if n.rpartition(".")[2] == word), None)


def worst_first(table: pa.Table) -> pa.Table:
    """The done rows, the worst by the ranking metric first; in their own order where there is none."""
    done = table.filter(pc.equal(table["status"], "done"))
    metric = ranking_metric(n for n in table.column_names if n.startswith("metric."))
    return done.sort_by([(metric, "ascending")]) if metric else done


def telling_first(names: Iterable[str]) -> list[str]:
    """Metric columns in the order in which a reader wants them: quality, then error, then the rest by name.

    >>> telling_first(["metric.axis", "metric.rmse", "metric.fbp_psnr", "metric.psnr"])
    ['metric.psnr', 'metric.rmse', 'metric.axis', 'metric.fbp_psnr']
    """

    def rank(name: str) -> tuple[int, str]:
        word = name.rpartition(".")[2]
        return (TELLING.index(word) if word in TELLING else len(TELLING)), name

    return sorted(names, key=rank)


def alike(error: str) -> str:
    """What texts of one cause share: their first line, with numbers and what stands in brackets left out.

    >>> alike("wrong number of angles (tb_30.mat): expected 61, got 60")
    'wrong number of angles: expected #, got #'
    """
    return _NUMBER.sub("#", _BRACKETS.sub("", _first_line(error)))


def _first_line(error: str) -> str:
    return error.splitlines()[0][:300] if error else ""


_NUMBER = re.compile(r"\d[\d.e+-]*")
_BRACKETS = re.compile(r" ?\([^()]*\)")
