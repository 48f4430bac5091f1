"""The ledger: what became of every unit, durably, with one driver at a time allowed to write."""

from scanmill.engine.ledger.ledger import Ledger
from scanmill.engine.ledger.lock import Epoch
from scanmill.engine.ledger.records import AttemptRecord, EventRecord, RequestRecord, RunRecord, UnitRecord

__all__ = ["AttemptRecord", "Epoch", "EventRecord", "Ledger", "RequestRecord", "RunRecord", "UnitRecord"]
