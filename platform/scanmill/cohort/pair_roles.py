"""What the roles of two rows are called in the row that pairs them."""

from __future__ import annotations

FIXED, MOVING = "fixed", "moving"
SIDES = (FIXED, MOVING)
MAIN = "image"
"""The role that becomes ``fixed`` or ``moving`` itself; any other stands behind it: ``fixed_labels``."""


def pair_role(side: str, role: str) -> str:
    """The name of a row's role in a pair.

    >>> pair_role("fixed", "image"), pair_role("moving", "truth")
    ('fixed', 'moving_truth')
    """
    return side if role == MAIN else f"{side}_{role}"


def own_role(role: str) -> tuple[str, str]:
    """The side and the name of a pair's role in its own row; no side where it is no pair's.

    >>> own_role("fixed"), own_role("moving_truth"), own_role("truth")
    (('fixed', 'image'), ('moving', 'truth'), ('', 'truth'))
    """
    side, _, rest = role.partition("_")
    return (side, rest or MAIN) if side in SIDES else ("", role)
