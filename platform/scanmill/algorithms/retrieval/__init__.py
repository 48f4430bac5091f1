"""How good answers are: rankings of other patients' images, their measures, chance beside them, and intervals."""

from scanmill.algorithms.retrieval.bootstrap import Interval, bootstrap_interval
from scanmill.algorithms.retrieval.chance import measures_by_chance
from scanmill.algorithms.retrieval.evaluation import Evaluation, evaluate, evaluate_likeness
from scanmill.algorithms.retrieval.measures import measures_of
from scanmill.algorithms.retrieval.ranking import ranked

__all__ = [
    "Evaluation",
    "Interval",
    "bootstrap_interval",
    "evaluate",
    "evaluate_likeness",
    "measures_by_chance",
    "measures_of",
    "ranked",
]
