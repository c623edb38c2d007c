"""Requests for erasure of personal data (GDPR, article 17)."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.context import SubscriberContext
from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH

from .business_unit import BusinessUnit


class ErasureQuerySet(models.QuerySet["Erasure"]):
    """Queries for requests for erasure."""

    def open(self) -> "ErasureQuerySet":
        """Return those that are neither granted nor declined."""
        return self.filter(granted_at=None, declined_at=None)


class Erasure(models.Model):
    """One request for erasure, for a marketer to grant or decline.

    Granting it removes its own identifiers, too; only `subscriber_digest`, the subscriber digest,
    remains."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="erasures",
    )
    subscriber_digest = models.CharField(max_length=DIGEST_LENGTH, editable=False)
    subscriber_id = models.BigIntegerField(_("SubscriberID"), null=True, blank=True)
    subscriber_key = models.CharField(_("SubscriberKey"), max_length=254, blank=True)
    email_address = models.CharField(_("EmailAddress"), max_length=254, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    granted_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    declined_at = models.DateTimeField(_("declined"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("handled by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("deletion request")
        verbose_name_plural = _("deletion requests")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "subscriber_digest"),
                condition=models.Q(granted_at=None, declined_at=None),
                name="erasure_open_once",
            ),
        )
        indexes = (models.Index(fields=("unit", "received_at"), name="erasure_received"),)

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def subscriber(self) -> SubscriberContext | None:
        """The subscriber's identifiers, or None once they are erased."""
        if not (self.subscriber_id or self.subscriber_key or self.email_address):
            return None
        return SubscriberContext(
            subscriber_id=self.subscriber_id,
            subscriber_key=self.subscriber_key or None,
            email_address=self.email_address or None,
        )


class ErasedIdentifier(models.Model):
    """Keyed digest of one identifier of an erased subscriber, so that nothing brings them back: an
    import of events skips them, and what they ask for later is not kept in clear.

    Without the digest keys nobody can find a subscriber here by trying identifiers."""

    unit = models.ForeignKey(
        BusinessUnit,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    digest = models.CharField(max_length=DIGEST_LENGTH)
    erased_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("deleted identifier")
        verbose_name_plural = _("deleted identifiers")
        constraints = (
            models.UniqueConstraint(fields=("digest", "unit"), name="erased_identifier_once"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
