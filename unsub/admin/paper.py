"""What stands at the head of pages that are printed: a subscriber's record, a consent receipt."""

from typing import Any

from unsub.models import Logo, SubscriberRequest

from .formatting import unit_words


def paper_head(one: SubscriberRequest) -> dict[str, Any]:
    """Return what stands at the head of a printed page: the unit's name, and its logo or None."""
    logo = Logo.objects.filter(unit_id=one.unit_id)
    return {
        "unit": unit_words(one.unit_id, getattr(one, "of_unit", None)),
        "mid": one.unit_id,
        "logo": logo.values("content_digest", "width", "height").first(),
    }
