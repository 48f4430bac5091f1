"""Which devices are at fault: one that fails several different units in a row, without a success in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class DeviceRecord:
    """What stands against a device since its last success. ``doubts`` become strikes when the unit succeeds elsewhere;
    ``charged`` are the units that were charged there, and how often."""

    strikes: set[str] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)
    charged: dict[str, int] = field(default_factory=dict)


class Strikes:
    """The devices' records. A unit that fails on a second device speaks against itself and no longer against either."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records: dict[str, DeviceRecord] = {}
        self._accused: dict[str, set[str]] = {}
        self.drained: dict[str, str] = {}

    def failed(self, device: str, unit_id: str, *, sure: bool, charged: bool) -> None:
        """A unit failed there; ``sure`` when the failure looks like the machine's, not the unit's."""
        record = self._records.setdefault(device, DeviceRecord())
        if charged:
            record.charged[unit_id] = record.charged.get(unit_id, 0) + 1
        accused = self._accused.setdefault(unit_id, set())
        if accused - {device}:
            for other in accused:
                self._acquit(other, unit_id)
        elif sure:
            record.strikes.add(unit_id)
        else:
            record.doubts.add(unit_id)
        accused.add(device)

    def succeeded(self, device: str, unit_id: str) -> list[str]:
        """A unit succeeded there: that device is well. Returns the other devices that this success speaks against."""
        if device in self._records:
            for accuser in (record := self._records.pop(device)).strikes | record.doubts:
                self._accused.get(accuser, set()).discard(device)
        against = sorted(self._accused.pop(unit_id, set()) - {device})
        for other in against:
            record = self._records.get(other)
            if record is not None and unit_id in record.doubts:
                record.doubts.discard(unit_id)
                record.strikes.add(unit_id)
        return against

    def out(self, device: str) -> bool:
        """Whether a device has had its strikes."""
        record = self._records.get(device)
        return record is not None and device not in self.drained and len(record.strikes) >= self._limit

    def charged(self, device: str) -> dict[str, int]:
        """The units charged there since its last success; its record begins anew."""
        record = self._records.pop(device, DeviceRecord())
        for unit_id in record.strikes | record.doubts:
            self._accused.get(unit_id, set()).discard(device)
        return record.charged

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
        self._accused.clear()
        self.drained.clear()

    def _acquit(self, device: str, unit_id: str) -> None:
        record = self._records.get(device)
        if record is not None:
            record.strikes.discard(unit_id)
            record.doubts.discard(unit_id)
