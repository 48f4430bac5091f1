"""What is costly to make and is asked for again, kept in the process within a number of bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from scanmill.arrays import HostArray

T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Values by key, the longest unused forgotten once all together pass ``max_bytes``; the newest always stays.

    Safe to use from several threads; two that miss the same key at once may both make the value.

    >>> cache = BoundedCache[str](10)
    >>> [cache.get(key, lambda key=key: key * 2, 6) for key in ("a", "b", "b")], len(cache)
    (['aa', 'bb', 'bb'], 1)
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], n_bytes: int) -> T:
        """The value of ``key``, made now unless it is here; ``n_bytes`` is what it will take."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        value = make()
        with self._lock:
            self._entries[key] = value, n_bytes
            while len(self._entries) > 1 and self.n_bytes > self.max_bytes:
                self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def n_bytes(self) -> int:
        """What all values take together."""
        return sum(n_bytes for _, n_bytes in self._entries.values())


def digest_of(array: HostArray) -> str:
    """A digest of type, shape and values.

    >>> digest_of(np.zeros(2)) == digest_of(np.zeros(2)), digest_of(np.zeros(2)) == digest_of(np.zeros((2, 1)))
    (True, False)
    """
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16, key=head[:64]).hexdigest()
