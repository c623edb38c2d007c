"""Keys of the API, what was answered under an idempotency key, and who asked for a request that
came through it."""

from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH

from .business_unit import BusinessUnit
from .request import SubscriberRequest

ASKED_BY_LENGTH = 100


class KeyPurpose(StrEnum):
    """What a key may be used for: the column that says so."""

    SUBMIT = "may_submit"
    READ = "may_read"
    SIGN = "may_sign"
    NAME = "may_name"


class ApiKey(models.Model):
    """One key of the API. Only a digest of it is stored: the key is shown once, when it is made. It
    is never deleted, because requests refer to it; it expires, or is revoked."""

    name = models.CharField(
        _("name"),
        max_length=60,
        help_text=_("The system that uses it, like Call center. Marketers read it at requests."),
    )
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_keys",
    )
    may_submit = models.BooleanField(
        _("submit requests"),
        default=False,
        help_text=_("Unsubscribe, and change preferences."),
    )
    may_read = models.BooleanField(
        _("read"),
        default=False,
        help_text=_("Requests and their attempts, receipts, counts, and the state of queues."),
    )
    may_sign = models.BooleanField(
        _("sign links"),
        default=False,
        help_text=_("A signed link acts for its subscriber, whoever has it."),
    )
    may_name = models.BooleanField(
        _("name subscribers"),
        default=False,
        help_text=_("Answers have address and SubscriberKey in clear. Else they are masked."),
    )
    per_minute = models.PositiveIntegerField(
        _("calls per minute"),
        default=600,
        validators=[MinValueValidator(1)],
        help_text=_("More are refused until the minute is over."),
    )
    # What is shown to recognise it by, and the SHA-256 of all of it. A key is 256 random bits: the
    # digest needs no key of its own.
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    key_digest = models.CharField(max_length=64, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("made by"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    made_at = models.DateTimeField(_("made"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("valid until"))
    # Written at most once a minute.
    used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = (
            models.UniqueConstraint(fields=("key_digest",), name="api_key_once"),
            # So that sending the form twice makes one key.
            models.UniqueConstraint(
                fields=("unit", "name"),
                condition=models.Q(revoked_at=None),
                name="api_key_name_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(may_submit=True)
                | models.Q(may_read=True)
                | models.Q(may_sign=True),
                name="api_key_has_a_purpose",
                violation_error_message=_("Choose what the key may be used for."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def may(self, purpose: KeyPurpose) -> bool:
        """Return whether the key may be used for this."""
        return bool(getattr(self, purpose))

    def is_valid(self, now: datetime) -> bool:
        """Return whether it is neither expired at `now` nor revoked."""
        return self.revoked_at is None and now < self.expires_at


class ApiAnswer(models.Model):
    """What was answered to one Idempotency-Key of one API key, for a day; empty while the call is
    being processed. It holds no person: of the call there are digests alone."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, db_index=False, related_name="+")
    key_digest = models.CharField(max_length=DIGEST_LENGTH)
    body_digest = models.CharField(max_length=DIGEST_LENGTH)
    started_at = models.DateTimeField(db_default=Now())
    # Of whoever processes the call: one that takes over has another.
    claim = models.UUIDField()
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("api_key", "key_digest"), name="api_answer_once"),
        )
        indexes = (models.Index(fields=("started_at",), name="api_answer_started"),)

    def __str__(self) -> str:
        return f"#{self.pk}"


class RequestOrigin(models.Model):
    """One submission through the API: by which key, and who asked there. A request that was
    submitted again has several."""

    request = models.ForeignKey(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        related_name="origins",
    )
    # No constraint: a spooled submission is stored also where its key is gone.
    api_key = models.ForeignKey(
        ApiKey,
        verbose_name=_("API key"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    # Such as "agent 17". Emptied with the subscriber's data, because people write more than they
    # are asked for.
    asked_by = models.CharField(_("asked by"), max_length=ASKED_BY_LENGTH, blank=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())

    class Meta:
        ordering = ("pk",)
        verbose_name = _("submission through the API")
        verbose_name_plural = _("submissions through the API")

    def __str__(self) -> str:
        return f"#{self.request_id}"
