"""Webhooks: endpoints, the events that they are sent, one delivery of each event to each endpoint,
and the attempts of a delivery (docs/webhooks.md)."""

import os
import time
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit
from .erasure import Erasure
from .request import SubscriberRequest


class EventType(models.TextChoices):
    """What an event says. A value is part of the public contract."""

    ACCEPTED = "profilecenter.request.accepted", _("request accepted")
    CONFIRMED = "profilecenter.request.confirmed", _("unsubscribe confirmed")
    REFUSED = "profilecenter.request.refused", _("request refused")
    WITHDRAWN = "profilecenter.request.withdrawn", _("request withdrawn")
    CHANGED = "profilecenter.preferences.changed", _("preferences changed")
    ERASED = "profilecenter.erasure.granted", _("deletion approved")
    TEST = "profilecenter.endpoint.test", _("test")


# Those that an endpoint can be set up for. A test goes to the endpoint that it is a test of.
OFFERED = tuple(one for one in EventType if one is not EventType.TEST)


def all_types() -> list[str]:
    """Return the types that a new endpoint receives."""
    return [one.value for one in OFFERED]


class EndpointState(models.TextChoices):
    """Whether an endpoint receives events. Paused: they are kept, and sent when it is active again.
    Disabled: none are recorded for it."""

    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    DISABLED = "disabled", _("disabled")


class DisabledReason(models.TextChoices):
    """Why an endpoint was disabled by this application."""

    GONE = "gone", _("the receiver answered 410 Gone")
    FAILING = "failing", _("no event was delivered for 5 days")


class WebhookEndpoint(models.Model):
    """A URL that events are posted to, of one business unit or of all."""

    name = models.CharField(_("name"), max_length=60)
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="webhook_endpoints",
        help_text=_("Empty for all business units."),
    )
    # May contain a token of the receiver's: never logged.
    url = models.CharField(_("URL"), max_length=500)
    types = models.JSONField(_("events"), default=all_types)
    include_subscriber = models.BooleanField(
        _("include SubscriberKey and SubscriberID"),
        default=True,
        help_text=_(
            "The email address is only included where a request has nothing else, "
            "or if you choose it below."
        ),
    )
    include_address = models.BooleanField(
        _("include email address"),
        default=False,
        help_text=_("Choose this only if the receiver needs the address."),
    )
    state = models.CharField(
        _("status"),
        max_length=10,
        choices=EndpointState.choices,
        default=EndpointState.ACTIVE,
        help_text=_("While paused, events are kept and sent later. While disabled, they aren’t."),
    )
    # Sealed. The former one signs, too, until then.
    secret = models.TextField(editable=False)
    former_secret = models.TextField(blank=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)

    # The circuit: failures in a row, since when, and until when nothing is sent because of them.
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    open_until = models.DateTimeField(_("next try"), null=True, editable=False)
    disabled_reason = models.CharField(
        _("disabled because"),
        max_length=10,
        choices=DisabledReason.choices,
        blank=True,
        editable=False,
    )
    disabled_at = models.DateTimeField(_("disabled"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.name


def event_id() -> UUID:
    """Return a new UUID of version 7 (RFC 9562): by time, so that an index grows at its end."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class WebhookEvent(models.Model):
    """Something that happened, recorded in the transaction in which it happened.

    It names nobody: the subscriber is read from the request when the event is sent, so what
    retention and an erasure remove there is no longer sent. An erasure removes all that, so its
    event has the identifiers itself, sealed, until it is delivered or a week has passed.
    """

    id = models.UUIDField(_("event ID"), primary_key=True, default=event_id, editable=False)
    type = models.CharField(_("event"), max_length=40, choices=EventType.choices)
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_column="mid",
        null=True,
        related_name="+",
        db_index=False,  # nothing looks for all events of a unit
    )
    request = models.ForeignKey(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.CASCADE,
        null=True,
        related_name="webhook_events",
    )
    erasure = models.ForeignKey(
        Erasure, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    occurred_at = models.DateTimeField(_("occurred"), db_default=Now())
    # Of the request at that time: it may have been changed since.
    status = models.CharField(_("status"), max_length=10, blank=True)
    outcome = models.CharField(_("outcome"), max_length=30, blank=True)
    error_code = models.BigIntegerField(_("error code"), null=True)
    sealed_subscribers = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = (
            models.Index(fields=("occurred_at",), name="webhook_event_occurred"),
            models.Index(
                fields=("occurred_at",),
                condition=~models.Q(sealed_subscribers=""),
                name="webhook_event_sealed",
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)


class DeliveryState(models.TextChoices):
    """The state of a delivery. Failed: given up, to be sent again by a user only."""

    PENDING = "pending", _("pending")
    SENDING = "sending", _("sending")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")


class WebhookResult(models.TextChoices):
    """How an attempt ended."""

    DELIVERED = "delivered", _("delivered")
    HTTP_ERROR = "http_error", _("the receiver refused it")
    REDIRECT = "redirect", _("the receiver redirected; redirects aren’t followed")
    TIMEOUT = "timeout", _("no complete response in time")
    NO_CONNECTION = "no_connection", _("no connection")
    NO_TLS = "no_tls", _("no secure connection: check the certificate")
    BROKEN = "broken", _("the connection broke")
    FORBIDDEN = "forbidden", _("the address isn’t allowed: it’s private, or not https")
    NO_SECRET = "no_secret", _("the secret can’t be read: replace it")
    UNKNOWN = "unknown", _("unknown: the worker stopped")


class WebhookDelivery(models.Model):
    """One event for one endpoint, and its place in the endpoint's queue."""

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        verbose_name=_("webhook"),
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,  # the indexes below begin with it
    )
    event = models.ForeignKey(
        WebhookEvent, verbose_name=_("event"), on_delete=models.CASCADE, related_name="deliveries",
        db_index=False,  # `webhook_delivery_once`
    )  # fmt: skip
    state = models.CharField(
        _("status"), max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    # Attempts since it was recorded, or since a user had it sent again: the place in the schedule.
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    lease = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True)
    result = models.CharField(_("result"), max_length=15, choices=WebhookResult.choices, blank=True)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = (
            models.UniqueConstraint(fields=("event", "endpoint"), name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state=DeliveryState.SENDING, lease__isnull=False)
                | (~models.Q(state=DeliveryState.SENDING) & models.Q(lease__isnull=True)),
                name="webhook_delivery_sending_has_a_lease",
            ),
        )
        indexes = (
            models.Index(
                fields=("endpoint", "next_attempt_at"),
                condition=models.Q(state="pending"),
                name="webhook_delivery_due",
            ),
            models.Index(
                fields=("lease_until",),
                condition=models.Q(state="sending"),
                name="webhook_delivery_leased",
            ),
            models.Index(
                fields=("endpoint", "finished_at"),
                condition=models.Q(state="failed"),
                name="webhook_delivery_failed",
            ),
            models.Index(fields=("endpoint", "id"), name="webhook_delivery_newest"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"


class WebhookAttempt(models.Model):
    """One call for a delivery. It is written when the call has ended, and never changed, by a
    trigger (migration 0002)."""

    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, related_name="log", db_index=False
    )
    number = models.PositiveIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), db_default=Now())
    result = models.CharField(_("result"), max_length=15, choices=WebhookResult.choices)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)

    class Meta:
        ordering = ("number",)
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = (
            models.UniqueConstraint(fields=("delivery", "number"), name="webhook_attempt_once"),
        )

    def __str__(self) -> str:
        return f"#{self.number}"
