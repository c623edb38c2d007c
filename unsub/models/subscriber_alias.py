"""The digests under which one subscriber is known beside their own."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH


class SubscriberAlias(models.Model):
    """Another digest of a subscriber: that of their SubscriberKey, or one under a former digest
    key, while `subscriber_digest` is that of their SubscriberID (unsub/outbox/identity.py). It
    contains no identifier."""

    alias = models.CharField(max_length=DIGEST_LENGTH, primary_key=True, editable=False)
    subscriber_digest = models.CharField(max_length=DIGEST_LENGTH, editable=False)

    class Meta:
        verbose_name = _("other identifier of a subscriber")
        verbose_name_plural = _("other identifiers of subscribers")
        indexes = (models.Index(fields=("subscriber_digest",), name="alias_subscriber_digest"),)

    def __str__(self) -> str:
        return self.alias
