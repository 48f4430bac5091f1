import numpy as np

from scanmill.operators.bounded_cache import BoundedCache, digest_of
from scanmill.operators.lender import Lender


def test_the_longest_unused_goes_first():
    cache = BoundedCache(10)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: key, 4)
    assert cache.get("a", lambda: "new", 4) == "a"
    assert cache.get("b", lambda: "new", 4) == "new"
    assert cache.n_bytes <= 10


def test_what_is_larger_than_the_cache_stays_until_the_next():
    cache = BoundedCache(10)
    assert cache.get("large", lambda: 1, 100) == cache.get("large", lambda: 2, 100) == 1
    cache.get("small", lambda: 3, 1)
    assert len(cache) == 1


def test_digests_tell_type_shape_and_values_apart():
    x = np.arange(6.0)
    others = [x.astype(np.float32), x.reshape(2, 3), x + 1e-15, x[::-1]]
    assert digest_of(x) == digest_of(x.copy())
    assert len({digest_of(x), *map(digest_of, others)}) == 5


def test_what_is_out_is_not_lent_again():
    lender = Lender(object)
    with lender.lease() as first, lender.lease() as second:
        assert first is not second
    with lender.lease() as third:
        assert third in (first, second)
