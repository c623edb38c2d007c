"""Holds after a restore of the database, which a user releases."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldBooleanWidget

from unsub.models import RestoreHold
from unsub.outbox import restoring

from . import bulk_actions, formatting
from .bulk_actions import BulkAction, actor
from .read_only import ReadOnly

if TYPE_CHECKING:
    RestoreHoldAdminBase = admin.ModelAdmin[RestoreHold]
else:
    RestoreHoldAdminBase = ModelAdmin


class ReleaseForm(forms.Form):
    """What happens to what was open in the backup."""

    discard = forms.BooleanField(
        label=_("Cancel what was open in the backup"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "Withdraws changes from before the restore, cancels emails, and ends "
            "pauses without resubscribing. Otherwise they are sent now, even if "
            "the subscriber has requested something else since the backup."
        ),
    )


def _release(request: HttpRequest, ids: list[int], given: dict[str, Any]) -> int:
    """Return how many holds were released."""
    who, released = actor(request.user), 0
    for pk in ids:
        with transaction.atomic():
            if restoring.release(pk, user_id=who, discard=given["discard"]):
                released += 1
                text = "Released; discarded." if given["discard"] else "Released; sent."
                LogEntry.objects.log_actions(who, [RestoreHold(pk=pk)], CHANGE, text)
    return released


def _question(_number: int) -> str:
    return gettext(
        "Release changes and emails? The database was restored from a backup, so "
        "newer requests are missing. Changes and emails have been on hold since "
        "then; unsubscribes haven’t."
    )


RELEASE = BulkAction(
    name="release",
    title=_("Release"),
    question=_question,
    others=lambda _number: gettext("Some were already released."),
    eligible=lambda holds: holds.filter(released_at=None),
    do=_release,
    form=ReleaseForm,
)


@admin.register(RestoreHold)
class RestoreHoldAdmin(ReadOnly, RestoreHoldAdminBase):
    """Holds after a restore. They cannot be added, edited or deleted; users with the right to
    change them may release them."""

    list_display = ("id", "began", "state", "released_by")
    fields = readonly_fields = ("began", "state", "released_by")
    sortable_by: ClassVar[tuple[str, ...]] = ()
    actions = ("release",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may release. It is the right to change, which has no other effect
        here."""
        return request.user.has_perm("unsub.change_restorehold")

    @admin.display(description=_("restored"))
    def began(self, hold: RestoreHold) -> str:
        """Return when the database was restored."""
        return formatting.moment(hold.began_at)

    @admin.display(description=_("status"))
    def state(self, hold: RestoreHold) -> SafeString:
        """Return whether the hold is in force."""
        if hold.released_at is None:
            return formatting.badge("held", gettext("changes and emails are on hold"))
        when = formatting.moment(hold.released_at)
        return formatting.badge("done", gettext("released %s") % when)

    @admin.action(description=RELEASE.title, permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[RestoreHold]) -> HttpResponse | None:
        """Release the hold, after confirmation."""
        context = self.admin_site.each_context(request)
        done = bulk_actions.run(request, queryset, context, RELEASE)
        if isinstance(done, HttpResponse):
            return done
        if done[0]:
            text = gettext("Released. Changes and emails are being sent.")
            self.message_user(request, text, messages.SUCCESS)
        return None
