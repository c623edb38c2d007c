"""Changes of endpoints by users. Only the named columns are written: the workers write the
others."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from unsub.models import EndpointState, WebhookEndpoint

from . import signing, wakeup

# For so long a replaced secret signs, too, so that a receiver has time to take the new one.
FORMER_HOURS = 24
# Long after each process has read that an endpoint is disabled (`recording.KEPT_SECONDS`), and has
# ended the transactions that it began before.
FORGOTTEN_AFTER = timedelta(minutes=1)


def create(endpoint: WebhookEndpoint) -> str:
    """Insert an endpoint. Return its secret, which nobody sees again."""
    secret = signing.new_secret()
    endpoint.secret = signing.sealed(secret)
    if endpoint.state == EndpointState.DISABLED:
        endpoint.disabled_at = timezone.now()
    endpoint.save(force_insert=True)
    return secret


def rotate(endpoint: WebhookEndpoint) -> str:
    """Replace the secret of an endpoint. Return the new one, which nobody sees again. The former
    one signs as well for FORMER_HOURS; one before that no longer does."""
    secret = signing.new_secret()
    endpoint.former_secret = endpoint.secret
    endpoint.former_until = timezone.now() + timedelta(hours=FORMER_HOURS)
    endpoint.secret = signing.sealed(secret)
    endpoint.save(update_fields=["secret", "former_secret", "former_until"])
    return secret


def can_be_deleted(endpoint: WebhookEndpoint) -> bool:
    """Return whether it has no deliveries, and no process can record one any more: a delivery to an
    endpoint that was deleted meanwhile would roll back the change that it tells of, such as the
    result of a call to Marketing Cloud."""
    rows = WebhookEndpoint.objects.filter(
        pk=endpoint.pk, state=EndpointState.DISABLED, disabled_at__lt=Now() - FORGOTTEN_AFTER
    )
    return rows.filter(deliveries=None).exists()


def change(endpoint: WebhookEndpoint, columns: Iterable[str]) -> None:
    """Write these columns of an endpoint. One that is active again, or elsewhere, begins without
    the failures of before."""
    written = set(columns)
    if written & {"state", "url"}:
        endpoint.failures, endpoint.failing_since, endpoint.open_until = 0, None, None
        written |= {"failures", "failing_since", "open_until"}
    if "state" in written:
        is_disabled = endpoint.state == EndpointState.DISABLED
        endpoint.disabled_reason = ""
        endpoint.disabled_at = timezone.now() if is_disabled else None
        written |= {"disabled_reason", "disabled_at"}
    if written:
        with transaction.atomic():
            endpoint.save(update_fields=written)
            wakeup.wake_on_commit()
