"""The columns that all delivered rows share: the subscriber they are about, and their delivery."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.context import JobContext, SubscriberContext
from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH


class Deliverable(models.Model):
    """Base of SubscriberRequest and LinkEmail, which the same worker claims, sends and settles.

    Both have a `status` of their own; `pending`, `sending`, `done` and `refused` mean the same in
    both, and are the only ones that delivery sets.
    """

    subscriber_id = models.BigIntegerField(_("SubscriberID"), null=True, blank=True)
    subscriber_key = models.CharField(_("SubscriberKey"), max_length=254, blank=True)
    email_address = models.CharField(_("EmailAddress"), max_length=254, blank=True)
    # A keyed digest to search by and a mask to show, also where the address itself is not stored.
    address_digest = models.CharField(
        max_length=DIGEST_LENGTH, blank=True, db_default="", editable=False
    )
    address_mask = models.CharField(
        _("address"), max_length=260, blank=True, db_default="", editable=False
    )
    # When the identifiers ceased to be stored in clear (unsub/outbox/retention.py). From then on
    # the row is found by keyed digests: of the address, above, and of the other two, which are
    # empty until then, and after an erasure.
    forgotten_at = models.DateTimeField(
        _("subscriber data removed on"), null=True, blank=True, editable=False
    )
    subscriber_id_digest = models.CharField(
        max_length=DIGEST_LENGTH, blank=True, db_default="", editable=False
    )
    subscriber_key_digest = models.CharField(
        max_length=DIGEST_LENGTH, blank=True, db_default="", editable=False
    )
    job_id = models.BigIntegerField(_("JobID"), null=True, blank=True)
    list_id = models.BigIntegerField(_("ListID"), null=True, blank=True)
    batch_id = models.BigIntegerField(_("BatchID"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True)
    # A keyed digest of the subscriber (unsub/infra/digests.py). It changes with the digest keys,
    # and when another identifier of the subscriber gets known (unsub/outbox/identity.py).
    subscriber_digest = models.CharField(
        max_length=DIGEST_LENGTH, blank=True, db_default="", editable=False
    )
    received_at = models.DateTimeField(_("received"), db_default=Now())

    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    give_up_at = models.DateTimeField(_("retries until"))
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    lease = models.UUIDField(_("lease"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    outcome = models.CharField(_("outcome"), max_length=30, blank=True)
    error_code = models.BigIntegerField(_("error code"), null=True, blank=True)
    sfmc_request_id = models.CharField(_("Marketing Cloud request ID"), max_length=64, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def subscriber(self) -> SubscriberContext:
        """The subscriber context that the link carried. Raises ContextError where it is no longer
        kept in clear; `known_subscriber` does not."""
        return SubscriberContext(
            subscriber_id=self.subscriber_id,
            subscriber_key=self.subscriber_key or None,
            email_address=self.email_address or None,
        )

    @property
    def known_subscriber(self) -> SubscriberContext | None:
        """The subscriber context, or None where it is no longer kept in clear."""
        return self.subscriber if self.forgotten_at is None else None

    @property
    def identifier_digests(self) -> set[str]:
        """The digests that stand for the SubscriberID and SubscriberKey where these are no longer
        kept in clear."""
        return {self.subscriber_id_digest, self.subscriber_key_digest} - {""}

    @property
    def job(self) -> JobContext:
        """The job context that the link carried."""
        return JobContext(job_id=self.job_id, list_id=self.list_id, batch_id=self.batch_id)
