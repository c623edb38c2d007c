"""The ListIDs by which links of a unit unsubscribe from everything, as the database has them."""

from unsub.infra.kept import Kept
from unsub.models import BusinessUnit

# They hardly ever change, and a one-click POST should cost one INSERT.
KEPT_FOR = 60.0  # seconds
_kept: Kept[int, frozenset[int]] = Kept(seconds=KEPT_FOR)


def list_ids(mid: int) -> frozenset[int]:
    """Return `BusinessUnit.all_subscribers_list_ids` of a unit, up to KEPT_FOR old; empty for an
    unknown MID. Raises DatabaseError."""
    try:
        return _kept(mid, lambda: _read(mid))
    except BusinessUnit.DoesNotExist:
        return frozenset()


def _read(mid: int) -> frozenset[int]:
    return BusinessUnit.objects.get(mid=mid).all_subscribers_list_ids
