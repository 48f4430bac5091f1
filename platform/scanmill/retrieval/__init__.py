"""Images found by what they show: an index of vectors whose truth is Parquet, searched exactly or at a told recall."""

from scanmill.retrieval.answers import Answers
from scanmill.retrieval.entries import COLUMNS, KINDS, REGION, image_id
from scanmill.retrieval.index import Index

__all__ = ["COLUMNS", "KINDS", "REGION", "Answers", "Index", "image_id"]
