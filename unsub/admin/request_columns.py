"""Columns of requests in the list, and the sections of a request's page."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from unsub.domain.masking import mask
from unsub.models import (
    ApiKey,
    Channel,
    DeliveryAttempt,
    LinkEmail,
    MailingList,
    MessageType,
    QueueState,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.outbox.forgetting import ERASED
from unsub.reporting.explanations import outcome_in_words
from unsub.reporting.sentences import summary

from . import formatting

_WHO = ("subscriber_id", "subscriber_key", "email_address", "address_mask", "forgotten_at")
_MAIL = ("job_id", "list_id", "batch_id")
_ASKED = ("received", "asks_for", "kind", "channel", "unit_label")
_LEFT = ("scope", "reason", "reason_text", "reason_added_at")
_HOW = ("language", "link_age", "scanner")
_API = ("origins",)
_CONSENT = ("consent_version", "consent_words", "confirmed")
_DELIVERY = (
    "status_badge", "outcome", "error_code", "attempts", "sfmc_request_id", "finished_at",
)  # fmt: skip
_SUPERSEDED = ("superseded",)
_QUEUE = ("next_attempt_at", "give_up_at", "lease_until")
FIELDS = (
    "words",
    *_DELIVERY,
    *_SUPERSEDED,
    *_ASKED,
    "value",
    *_LEFT,
    *_HOW,
    *_API,
    *_CONSENT,
    *_WHO,
    *_MAIL,
    *_QUEUE,
)


def named(rows: RequestQuerySet) -> RequestQuerySet:
    """Return the requests, each with the name of its list if the unit named it, and with the status
    to show."""
    lists = MailingList.objects.filter(unit_id=OuterRef("unit_id"), list_id=OuterRef("list_id"))
    return rows.with_shown_status().annotate(list_name=Subquery(lists.values("name")[:1]))


def masked(request: SubscriberRequest | LinkEmail) -> str:
    """Return the masked subscriber of a request or email: lists may be seen over a user's
    shoulder."""
    if request.subscriber_key.startswith(ERASED):
        return gettext("deleted")
    who = request.known_subscriber
    return request.address_mask or (mask(who) if who else gettext("removed after retention"))


def sections(request: SubscriberRequest | None) -> list[tuple[Any, dict[str, Any]]]:
    """Return the sections of a request's page. Sections that its kind has no values for are left
    out."""
    leaves = request is None or request.spec.message is MessageType.UNSUBSCRIBES
    request_fields = (*_ASKED, *_LEFT, *_HOW) if leaves else (*_ASKED, "value", *_HOW)
    if request is not None and request.channel == Channel.API:
        request_fields = (*request_fields, *_API)
    is_superseded = request is not None and request.superseded_by_id is not None
    found: list[tuple[Any, dict[str, Any]]] = [
        (None, {"fields": ("words", *_DELIVERY, *(_SUPERSEDED if is_superseded else ()))}),
        (_("Request"), {"fields": request_fields}),
    ]
    if request is not None and (request.consent_text_id or request.confirmed_at):
        found.append((_("Consent"), {"fields": _CONSENT}))
    return [
        *found,
        (_("Subscriber"), {"fields": _WHO}),
        (_("Email send"), {"fields": _MAIL}),
        (_("Delivery queue"), {"fields": _QUEUE, "classes": ("collapse",)}),
    ]


def _shown(request: SubscriberRequest) -> str:
    """Return the status that a request shows."""
    return str(getattr(request, "shown_status", request.status))


def _why_held(request: SubscriberRequest) -> str:
    """Return why a held request is held, or "" for another one."""
    if _shown(request) != Status.HELD:
        return ""
    queue = QueueState.objects.filter(pk=request.unit_id).first()
    if queue is None or not queue.is_held:
        return gettext("This business unit isn’t set up here.")
    return gettext("The queue is on hold: %s") % queue.held_reason


class RequestColumns:
    """Columns that the list and the page of a request show."""

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, request: SubscriberRequest) -> str:
        """Return when the request was received."""
        return formatting.moment(request.received_at)

    @admin.display(description=_("finished"), ordering="finished_at")
    def finished(self, request: SubscriberRequest) -> str:
        """Return when the request was finished."""
        return formatting.moment(request.finished_at)

    @admin.display(description=_("attempts"), ordering="attempts")
    def attempts_made(self, request: SubscriberRequest) -> int:
        """Return how often it was attempted."""
        return request.attempts

    @admin.display(description=_("subscriber"))
    def who(self, request: SubscriberRequest) -> str:
        """Return the masked subscriber."""
        return masked(request)

    @admin.display(description=_("request"))
    def asks_for(self, request: SubscriberRequest) -> str:
        """Return what is requested. The new value is shown on the request's own page only."""
        return summary(request, getattr(request, "list_name", None) or "")

    @admin.display(description=_("status"))
    def status_badge(self, request: SubscriberRequest) -> SafeString:
        """Return the status as a badge."""
        return formatting.badge(_shown(request), request.get_shown_status_display())

    @admin.display(description=_("outcome"))
    def outcome_label(self, request: SubscriberRequest) -> SafeString | str:
        """Return the outcome in one or two words, with the explanation as its title."""
        if not request.outcome:
            return formatting.NOTHING
        return formatting.titled(
            outcome_in_words(request.outcome),
            formatting.in_words(request.outcome, request.error_code, ""),
        )

    @admin.display(description=_("error"))
    def error_label(self, request: SubscriberRequest) -> str:
        """Return Marketing Cloud's error code."""
        return formatting.NOTHING if request.error_code is None else str(request.error_code)

    @admin.display(description=_("explanation"))
    def words(self, request: SubscriberRequest) -> str:
        """Return the status and the last result as sentences; of a held request also why."""
        attempts = DeliveryAttempt.objects.filter(request=request).order_by("-number")
        detail = attempts.values_list("detail", flat=True).first() or ""
        story = formatting.explain_status(
            _shown(request), request.outcome, request.error_code, detail
        )
        return f"{story} {_why_held(request)}".rstrip()

    @admin.display(description=_("asked by"))
    def origins(self, request: SubscriberRequest) -> str:
        """Return by which keys of the API the request was submitted, and who asked there."""
        found = list(request.origins.values_list("api_key_id", "asked_by"))
        keys = ApiKey.objects.filter(pk__in={key for key, _asked_by in found})
        names = dict(keys.values_list("pk", "name"))
        said = (": ".join(filter(None, (names.get(key, ""), asked_by))) for key, asked_by in found)
        return "; ".join(filter(None, said)) or formatting.NOTHING

    @admin.display(description=_("consent text version"))
    def consent_version(self, request: SubscriberRequest) -> str:
        """Return the version and language of the consent text."""
        consent_text = request.consent_text
        return (
            f"{consent_text.pk} ({consent_text.get_language_display()})"
            if consent_text
            else formatting.NOTHING
        )

    @admin.display(description=_("consent text"))
    def consent_words(self, request: SubscriberRequest) -> str:
        """Return the consent text."""
        return request.consent_text.text if request.consent_text else formatting.NOTHING

    @admin.display(description=_("confirmed by email"))
    def confirmed(self, request: SubscriberRequest) -> str:
        """Return when it was confirmed by email."""
        return formatting.moment(request.confirmed_at)

    @admin.display(description=_("replaced by"))
    def superseded(self, request: SubscriberRequest) -> SafeString | str:
        """Return a link to the later request that counts instead."""
        if request.superseded_by_id is None:
            return formatting.NOTHING
        return formatting.request_link(request.superseded_by_id)
