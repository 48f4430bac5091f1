"""Which devices are at fault: one that fails several different units in a row, without a success in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class DeviceRecord:
    """What stands against a device since its last success: units it failed for the machine's sake (``strikes``), units
    that failed there in a way that may be their own (``doubts``), those of both that have succeeded elsewhere since
    (``proved``), and how often units were charged there."""

    strikes: set[str] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)
    proved: set[str] = field(default_factory=set)
    charged: dict[str, int] = field(default_factory=dict)

    def acquit(self, unit_id: str) -> None:
        """That unit no longer speaks against the device."""
        for against in (self.strikes, self.doubts, self.proved):
            against.discard(unit_id)


class Strikes:
    """The devices' records. A unit that fails on a second device speaks against itself, and no longer against either.

    A device is out when it has had ``limit`` strikes of which one is proved (a doubt counts when it is proved), or
    twice as many without: else a few bad units at the head of the line would cost a good device.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records: dict[str, DeviceRecord] = {}
        self._accusing: dict[str, set[str]] = {}
        self.drained: dict[str, str] = {}

    def failed(self, device: str, unit_id: str, *, sure: bool, charged: bool) -> None:
        """A unit failed there; ``sure`` when the failure looks like the machine's, not the unit's."""
        record = self._records.setdefault(device, DeviceRecord())
        if charged:
            record.charged[unit_id] = record.charged.get(unit_id, 0) + 1
        devices = self._accusing.setdefault(unit_id, set())
        devices.add(device)
        if len(devices) == 1:
            (record.strikes if sure else record.doubts).add(unit_id)
            return
        for other in devices:
            if other in self._records:
                self._records[other].acquit(unit_id)

    def succeeded(self, device: str, unit_id: str) -> list[str]:
        """A unit succeeded there: that device is well. Returns the other devices that this success speaks against."""
        self._close(device)
        against = sorted(self._accusing.pop(unit_id, set()) - {device})
        for other in against:
            record = self._records.get(other)
            if record is not None and unit_id in record.strikes | record.doubts:
                record.strikes.add(unit_id)
                record.doubts.discard(unit_id)
                record.proved.add(unit_id)
        return against

    def out(self, device: str, *, alone: bool) -> bool:
        """Whether a device has had its strikes; where it is ``alone`` nothing can be proved elsewhere."""
        record = self._records.get(device)
        if record is None or device in self.drained:
            return False
        enough = self._limit if alone or record.proved else 2 * self._limit
        return len(record.strikes) >= enough

    def charged(self, device: str) -> dict[str, int]:
        """The units charged there since its last success; its record begins anew."""
        record = self._close(device)
        return record.charged if record else {}

    def refunded(self, unit_ids: Iterable[str]) -> None:
        """These units have got their attempts back already."""
        for record in self._records.values():
            for unit_id in unit_ids:
                record.charged.pop(unit_id, None)

    def accused(self) -> frozenset[str]:
        """Devices with a strike, and the drained ones."""
        return frozenset(self.drained) | {device for device, record in self._records.items() if record.strikes}

    def forgive(self) -> None:
        """Somebody has looked after the devices."""
        self._records.clear()
        self._accusing.clear()
        self.drained.clear()

    def _close(self, device: str) -> DeviceRecord | None:
        record = self._records.pop(device, None)
        for unit_id in (record.strikes | record.doubts) if record else ():
            self._accusing.get(unit_id, set()).discard(device)
        return record
