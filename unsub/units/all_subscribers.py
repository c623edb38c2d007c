"""The ListIDs by which links of a unit unsubscribe from everything, as the database has them."""

from time import monotonic

from unsub.models import BusinessUnit

# They hardly ever change, and a one-click POST should cost one INSERT.
KEPT_FOR = 60.0  # seconds
_kept: dict[int, tuple[float, frozenset[int]]] = {}


def list_ids(mid: int) -> frozenset[int]:
    """Return `BusinessUnit.all_subscribers_list_ids` of a unit, up to KEPT_FOR old; empty for an
    unknown MID. Raises DatabaseError."""
    until, known = _kept.get(mid, (0.0, frozenset[int]()))
    if monotonic() < until:
        return known
    unit = BusinessUnit.objects.filter(mid=mid).first()
    if unit is None:
        return frozenset()
    _kept[mid] = (monotonic() + KEPT_FOR, unit.all_subscribers_list_ids)
    return unit.all_subscribers_list_ids


def reset() -> None:
    """Forget what was read. For tests."""
    _kept.clear()
