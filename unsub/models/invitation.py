"""Invitations of users to the admin."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Invitation(models.Model):
    """The invitation of one user, who is not active until it is accepted. A user invited again has
    the same row. The address, the role and the business units are the user's own."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.CASCADE,
        related_name="invitation",
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("invited by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    # Of the link: sending another one makes the earlier ones void.
    number = models.PositiveIntegerField(default=1)
    # Of the address and the roles that the link was sent for.
    subject_digest = models.CharField(max_length=64)
    invited_at = models.DateTimeField(_("invited"), db_default=Now())
    expires_at = models.DateTimeField(_("link valid until"))
    # Empty until a mail server has accepted the email.
    sent_at = models.DateTimeField(_("email sent"), null=True)
    # Of the email with the link of this number. Empty: it was sent, or is not tried again.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return str(self.user)
