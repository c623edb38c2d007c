"""Invitations of colleagues: one form, and the list of those that are open, to send again or
revoke."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from unsub.accounts import invitations, roles
from unsub.accounts.invitations import Invitee, State
from unsub.models import BusinessUnit, Invitation
from unsub.units.access import sees_all, units_of

from . import formatting
from .filters import WaitingFilter

if TYPE_CHECKING:
    InvitationBase = admin.ModelAdmin[Invitation]
    InvitationFormBase = forms.ModelForm[Invitation]
    RoleFieldBase = ModelChoiceField[Group]
else:
    InvitationBase = ModelAdmin
    InvitationFormBase = forms.ModelForm
    RoleFieldBase = ModelChoiceField

# The badge of each state, and its words.
STATES = {
    State.OPEN: ("pending", _("Open")),
    State.UNSENT: ("refused", _("Email not sent")),
    State.OUTDATED: ("held", _("Void: address or role changed")),
    State.EXPIRED: ("held", _("Expired")),
    State.REVOKED: ("superseded", _("Revoked")),
    State.ACCEPTED: ("done", _("Accepted")),
}
_SHOWN = (
    "user", "state", "role", "units", "invited_by", "invited", "email_sent", "valid_until",
    "accepted",
)  # fmt: skip


class RoleField(RoleFieldBase):
    """Chooses a role, described in words."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the name of the role and what it may do."""
        return roles.described(obj)


class InvitationForm(InvitationFormBase):
    """Invites a colleague. `inviter` is set by the admin."""

    inviter: User

    email = forms.EmailField(
        label=_("Email address"), max_length=150, widget=UnfoldAdminEmailInputWidget
    )
    name = forms.CharField(
        label=_("Name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget
    )
    role = RoleField(
        Group.objects.none(), label=_("Role"), empty_label=None,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("Only roles with no permission that you lack are offered."),
    )  # fmt: skip
    business_units = ModelMultipleChoiceField(
        BusinessUnit.objects.none(), label=_("Business units"), required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Operators and administrators see every business unit."),
    )  # fmt: skip

    class Meta:
        model = Invitation
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        given = [group.pk for group in roles.given_by(self.inviter)]
        units = units_of(self.inviter).order_by("name")
        self._choices("role", Group.objects.filter(pk__in=given).order_by("pk"))
        self._choices("business_units", units)
        if len(units) == 1:
            self.initial.setdefault("business_units", list(units))

    def _choices(self, name: str, rows: QuerySet[Any]) -> None:
        field: Any = self.fields[name]
        field.queryset = rows

    def clean_email(self) -> str:
        """Return the address. Raises ValidationError for that of a user, and of an invited one with
        more than the inviter may give."""
        email = str(self.cleaned_data["email"]).strip()
        if not invitations.is_invitable(email, by=self.inviter):
            raise ValidationError(_("Another user has this email address"))
        return email

    def clean(self) -> dict[str, Any]:
        """Check that the role gets something to see, and the limits of invitations."""
        given = super().clean() or self.cleaned_data
        role = given.get("role")
        if role and not given.get("business_units") and not roles.is_of_all_units(role):
            self.add_error("business_units", _("Choose at least one business unit for this role"))
        if not self.errors and not invitations.may_send(self.inviter, given["email"]):
            raise ValidationError(_("Too many invitations. Try again in an hour, or tomorrow."))
        return given

    def invitee(self) -> Invitee:
        """Return who is invited."""
        given = self.cleaned_data
        return Invitee(
            email=given["email"],
            name=given["name"],
            role=given["role"],
            units=list(given["business_units"]),
        )


class StateFilter(WaitingFilter):
    """By what became of them. Without a choice those that were neither accepted nor revoked."""

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        return [("accepted", _("Accepted")), ("revoked", _("Revoked")), ("all", _("All"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the invitations in the chosen state."""
        value = self.value()
        if value == "accepted":
            return queryset.exclude(accepted_at=None)
        if value == "revoked":
            return queryset.exclude(revoked_at=None)
        return queryset if value == "all" else queryset.filter(accepted_at=None, revoked_at=None)


@admin.register(Invitation)
class InvitationAdmin(InvitationBase):
    """Invitations. Users see those that they sent; who sees all units sees all of them."""

    form = InvitationForm
    list_display = ("user", "state", "role", "units", "invited_by", "email_sent", "valid_until")
    list_filter = (StateFilter,)
    list_select_related = ("user", "invited_by")
    search_fields = ("user__email", "user__first_name")
    sortable_by = ()
    actions = ("send_again", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Return the invitations that the user may see. Those of superusers are for superusers."""
        rows = super().get_queryset(request).prefetch_related("user__groups", "user__units")
        if request.user.is_superuser:
            return rows
        rows = rows.filter(user__is_superuser=False)
        return rows if sees_all(request.user) else rows.filter(invited_by=request.user.pk)

    def get_form(
        self, request: HttpRequest, obj: Invitation | None = None, change: bool = False, **more: Any
    ) -> Any:
        """Return the form, which knows who invites."""
        if obj is not None:
            return super().get_form(request, obj, change, **more | {"form": forms.ModelForm})
        return type("OwnInvitationForm", (InvitationForm,), {"inviter": request.user})

    def get_fieldsets(self, _request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Return the fields of the form, or those of an invitation's page."""
        fields = _SHOWN if obj else ("email", "name", "role", "business_units")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, _request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Return the fields that cannot be edited: all of an invitation."""
        return _SHOWN if obj else ()

    def has_change_permission(self, _request: HttpRequest, _obj: Invitation | None = None) -> bool:
        """Return False: an invitation is sent again or revoked, by `has_manage_permission`."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Invitation | None = None) -> bool:
        """Return False: it is part of the history."""
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may send invitations again, and revoke them."""
        return request.user.has_perm("unsub.change_invitation")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the form, or invite. Of two invitations of one address at once, one is refused."""
        extra = {"title": gettext("Invite a colleague")} | (extra_context or {})
        try:
            return super().add_view(request, form_url, extra)
        except IntegrityError:
            text = gettext("Someone else is inviting this address at the moment.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_form(self, _request: HttpRequest, form: Any, change: bool) -> Any:  # noqa: ARG002
        """Return the invitation, stored: it is more than this row."""
        form.save_m2m = lambda: None
        return invitations.invite(form.inviter, form.invitee())

    def save_model(self, request: HttpRequest, obj: Invitation, _form: Any, _change: Any) -> None:
        """Store nothing more; after the commit say whether the email was sent."""
        transaction.on_commit(partial(self._tell, request, obj.pk))

    def log_addition(self, *_args: Any, **_more: Any) -> None:  # type: ignore[override]
        """Write no second entry: `invitations` writes the history."""

    def response_add(
        self, _request: HttpRequest, _obj: Invitation, _post_url_continue: str | None = None
    ) -> HttpResponse:
        """Return the redirect to the list."""
        return self._to_list()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of an invitation, with what can be done with it."""
        one: Invitation | None = kwargs.get("obj")
        context["can_manage"] = (
            one is not None
            and self.has_manage_permission(request)
            and not (one.accepted_at or one.revoked_at)
            and roles.may_manage(_user(request), one.user)
        )
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Send again, with a new link"), permissions=["manage"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse:
        """Send the selected invitations again; the links of before are void then."""
        for one in self._own(request, queryset):
            if not invitations.may_send(_user(request), one.user.email):
                text = gettext("Too many invitations. Try again in an hour, or tomorrow.")
                self.message_user(request, text, messages.ERROR)
                break
            with transaction.atomic():
                invitations.send_again(_user(request), one)
                transaction.on_commit(partial(self._tell, request, one.pk))
        return self._to_list()

    @admin.action(description=_("Revoke"), permissions=["manage"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse:
        """Make the links of the selected invitations void."""
        number = 0
        for one in self._own(request, queryset):
            with transaction.atomic():
                number += invitations.revoke(_user(request), one)
        text = ngettext("%d invitation was revoked.", "%d invitations were revoked.", number)
        self.message_user(request, text % number, messages.SUCCESS)
        return self._to_list()

    def _own(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> list[Invitation]:
        """Return the invitations that are open, of users with no more than this user may give."""
        rows = queryset.filter(accepted_at=None, revoked_at=None)
        found = [one for one in rows if roles.may_manage(_user(request), one.user)]
        if len(found) < len(queryset):
            text = gettext("Left out: accepted or revoked ones, and roles that you can’t give.")
            self.message_user(request, text, messages.WARNING)
        return found

    def _tell(self, request: HttpRequest, pk: int) -> None:
        """Say whether the email was sent."""
        one = Invitation.objects.select_related("user").get(pk=pk)
        if one.sent_at:
            text = gettext("Invitation sent to %s.") % one.user.email
            self.message_user(request, text, messages.SUCCESS)
            return
        if one.next_attempt_at:
            text = gettext(
                "The mail server didn’t take the email to %s. We’ll try again by ourselves."
            )
        else:
            text = gettext(
                "The mail server refused the email to %s. Check the address, then send it again."
            )
        self.message_user(request, text % one.user.email, messages.ERROR)

    @staticmethod
    def _to_list() -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:unsub_invitation_changelist"))

    @admin.display(description=_("status"))
    def state(self, one: Invitation) -> SafeString:
        """Return the state as a badge."""
        kind, words = STATES[invitations.state_of(one)]
        return formatting.badge(kind, str(words))

    @admin.display(description=_("role"))
    def role(self, one: Invitation) -> str:
        """Return the roles of the user."""
        names = [roles.name_of(group) for group in one.user.groups.all()]
        return ", ".join(names) or formatting.NOTHING

    @admin.display(description=_("business units"))
    def units(self, one: Invitation) -> str:
        """Return the business units of the user."""
        return ", ".join(unit.name for unit in one.user.units.all()) or formatting.NOTHING

    @admin.display(description=_("invited"))
    def invited(self, one: Invitation) -> str:
        """Return when the user was invited."""
        return formatting.moment(one.invited_at)

    @admin.display(description=_("email sent"))
    def email_sent(self, one: Invitation) -> str:
        """Return when the email was sent, else when it is tried again, or a dash."""
        if one.next_attempt_at and invitations.state_of(one) is State.UNSENT:
            again = formatting.moment(one.next_attempt_at, timespec="minutes")
            return gettext("not yet, next try %s") % again
        return formatting.moment(one.sent_at, timespec="minutes")

    @admin.display(description=_("link valid until"))
    def valid_until(self, one: Invitation) -> str:
        """Return until when the link is valid; a dash where there is none."""
        if one.accepted_at or one.revoked_at:
            return formatting.NOTHING
        return formatting.moment(one.expires_at, timespec="minutes")

    @admin.display(description=_("accepted"))
    def accepted(self, one: Invitation) -> str:
        """Return when the invitation was accepted."""
        return formatting.moment(one.accepted_at)


def _user(request: HttpRequest) -> User:
    """Return the user of a page of the admin. Raises TypeError for an anonymous one."""
    if not isinstance(request.user, User):
        raise TypeError("the admin has no anonymous users")
    return request.user
