"""Keys of the API: making one, which is shown once, the list, and revoking."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from unsub.accounts import api_keys
from unsub.models import ApiKey

from . import formatting
from .exports import NAME_SUBSCRIBERS
from .filters import WaitingFilter
from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    ApiKeyBase = admin.ModelAdmin[ApiKey]
    ApiKeyFormBase = forms.ModelForm[ApiKey]
else:
    ApiKeyBase = ModelAdmin
    ApiKeyFormBase = forms.ModelForm

_PURPOSES = ("may_submit", "may_read", "may_sign", "may_name")
_FIELDS = ("name", "unit", *_PURPOSES, "per_minute", "valid_for")
_SHOWN = (
    "name", "begins_with", "state", "units", "purposes", "per_minute", "made_by", "made",
    "last_used", "valid_until", "revoked",
)  # fmt: skip
_VALID_FOR = (
    (30, _("30 days")), (90, _("90 days")), (365, _("1 year")), (730, _("2 years")),
)  # fmt: skip


class ApiKeyForm(ApiKeyFormBase):
    """Makes a key. What it is for cannot be changed later: make another one."""

    valid_for = forms.TypedChoiceField(
        label=_("Valid for"), choices=_VALID_FOR, coerce=int,
        initial=api_keys.VALID_FOR.days, widget=UnfoldAdminSelectWidget,
    )  # fmt: skip

    class Meta:
        model = ApiKey
        fields = ("name", "unit", *_PURPOSES, "per_minute")

    def clean(self) -> dict[str, Any]:
        """Set until when the key is valid, and check that no other has its name: Django leaves out
        constraints whose condition is on a field that the form does not have."""
        given = super().clean() or self.cleaned_data
        name, unit = given.get("name"), given.get("unit")
        if name and ApiKey.objects.filter(name=name, unit=unit, revoked_at=None).exists():
            self.add_error("name", _("Another key has this name."))
        if "valid_for" in given:
            self.instance.expires_at = timezone.now() + timedelta(days=given["valid_for"])
        return given


class StateFilter(WaitingFilter):
    """By whether they can be used. Without a choice those that can."""

    first_choice = _("Valid")

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        return [("over", _("Expired or revoked")), ("all", _("All"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the keys in the chosen state."""
        valid = Q(revoked_at=None, expires_at__gt=timezone.now())
        if self.value() == "over":
            return queryset.exclude(valid)
        return queryset if self.value() == "all" else queryset.filter(valid)


@admin.register(ApiKey)
class ApiKeyAdmin(OfUnits, ApiKeyBase):
    """Keys. Users see those of their business units; keys for all units are for those who see all
    of them."""

    form = ApiKeyForm
    list_display = (
        "name", "begins_with", "state", "units", "purposes", "last_used", "valid_until", "made_by",
    )  # fmt: skip
    list_filter = (StateFilter, ("unit", UnitFilter))
    list_select_related = ("unit", "made_by")
    sortable_by = ()
    actions = ("revoke",)

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **more: Any
    ) -> Any:
        """Return the form; for the page of a key one without fields."""
        if obj is not None:
            return super().get_form(request, obj, change, **more | {"form": forms.ModelForm})
        made: Any = super().get_form(request, obj, change, **more)
        units = made.base_fields["unit"]
        # All of them only where that is chosen.
        units.empty_label, units.initial = gettext("All business units"), units.queryset.first()
        units.widget.can_add_related = units.widget.can_change_related = False
        units.widget.can_view_related = units.widget.can_delete_related = False
        return made

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return the fields of the form, or those of a key's page."""
        fields: tuple[str, ...] = _SHOWN if obj else _FIELDS
        if not request.user.has_perm(NAME_SUBSCRIBERS):
            # What its user may not see, a key may not tell.
            fields = tuple(one for one in fields if one != "may_name")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, _request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return the fields that cannot be edited: all of a key."""
        return _SHOWN if obj else ()

    def has_change_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        """Return False: a key is revoked, by `has_manage_permission`."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        """Return False: requests refer to it."""
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may revoke keys."""
        return request.user.has_perm("unsub.change_apikey")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the form, or make a key. Of two with one name at once, one is refused."""
        extra = {
            "title": gettext("Make an API key"),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        } | (extra_context or {})
        try:
            return super().add_view(request, form_url, extra)
        except IntegrityError:
            self.message_user(request, gettext("Another key has this name."), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: ApiKey, _form: Any, _change: Any) -> None:
        """Make the key. Its text is kept for the response alone."""
        if not isinstance(request.user, User):
            raise TypeError("the admin has no anonymous users")
        vars(request)["made_key"] = api_keys.issue(obj, request.user)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, _post_url_continue: str | None = None
    ) -> HttpResponse:
        """Return the page that shows the key, this once: it answers the form itself, so that no
        other page can show it again."""
        context = self.admin_site.each_context(request) | {
            "title": gettext("API key made"),
            "opts": self.opts,
            "key": obj,
            "text": vars(request)["made_key"],
            "address": f"{settings.PUBLIC_URL}/api/v1/",
            "valid_until": formatting.moment(obj.expires_at, timespec="minutes"),
        }
        return TemplateResponse(request, "admin/unsub/apikey/made.html", context)

    @admin.action(description=_("Revoke"), permissions=["manage"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke the selected keys."""
        if not isinstance(request.user, User):
            raise TypeError("the admin has no anonymous users")
        number = sum(api_keys.revoke(request.user, key) for key in queryset)
        text = ngettext("%d key was revoked.", "%d keys were revoked.", number)
        self.message_user(request, text % number, messages.SUCCESS)

    @admin.display(description=_("begins with"))
    def begins_with(self, key: ApiKey) -> str:
        """Return the beginning of the key."""
        return f"{key.prefix}…"

    @admin.display(description=_("status"))
    def state(self, key: ApiKey) -> SafeString:
        """Return whether the key can be used, as a badge."""
        if key.revoked_at:
            return formatting.badge("superseded", gettext("Revoked"))
        if not key.is_valid(timezone.now()):
            return formatting.badge("held", gettext("Expired"))
        return formatting.badge("done", gettext("Valid"))

    @admin.display(description=_("business unit"))
    def units(self, key: ApiKey) -> str:
        """Return the business unit of the key."""
        return str(key.unit) if key.unit else gettext("All business units")

    @admin.display(description=_("may"))
    def purposes(self, key: ApiKey) -> str:
        """Return what the key may be used for."""
        names = (
            str(self.opts.get_field(one).verbose_name)  # type: ignore[union-attr]
            for one in _PURPOSES
            if getattr(key, one)
        )
        return ", ".join(names)

    @admin.display(description=_("made"))
    def made(self, key: ApiKey) -> str:
        """Return when the key was made."""
        return formatting.moment(key.made_at)

    @admin.display(description=_("last used"))
    def last_used(self, key: ApiKey) -> str:
        """Return when the key was last used, to the minute."""
        return formatting.moment(key.used_at, timespec="minutes")

    @admin.display(description=_("valid until"))
    def valid_until(self, key: ApiKey) -> str:
        """Return until when the key is valid."""
        return formatting.moment(key.expires_at, timespec="minutes")

    @admin.display(description=_("revoked"))
    def revoked(self, key: ApiKey) -> str:
        """Return when the key was revoked."""
        return formatting.moment(key.revoked_at)
