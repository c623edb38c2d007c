"""Calls whose worker had lost its lease when the reply came: for the alarm and the metric."""

from collections import Counter
from datetime import timedelta

from django.db.models import Count
from django.db.models.functions import Coalesce, Now

from unsub.models import DeliveryAttempt


def late_calls(within: timedelta) -> Counter[int]:
    """Return {MID: number of such calls within this time}, without units that have none."""
    late = DeliveryAttempt.objects.filter(late_at__gt=Now() - within).order_by()
    mid = Coalesce("request__unit_id", "link_email__unit_id")
    return Counter(dict(late.values_list(mid).annotate(Count("pk"))))
