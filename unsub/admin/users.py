"""Users and groups, managed by administrators."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm as BasePasswordForm
from unfold.forms import UserChangeForm as BaseUserChangeForm
from unfold.forms import UserCreationForm

from unsub.accounts import email_addresses, events, receivers, roles

if TYPE_CHECKING:
    UserBase = BaseUserAdmin[User]
    GroupBase = BaseGroupAdmin
else:

    class UserBase(BaseUserAdmin, ModelAdmin):
        """Django's UserAdmin in the admin's theme."""

    class GroupBase(BaseGroupAdmin, ModelAdmin):
        """Django's GroupAdmin in the admin's theme."""


admin.site.unregister(User)
admin.site.unregister(Group)
# Tables of django-allauth: there is nothing in them to edit.
for _kept in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(_kept)
# Only superusers may set this.
_MIGHT = ("is_superuser",)
_RIGHTS = ("is_active", "is_staff", "is_superuser")
# The admin is loaded in every process, after all models.
receivers.connect()


class UserChangeForm(BaseUserChangeForm):  # type: ignore[misc]  # unfold's types say Any
    """Unfold's form, with a unique email address for each user."""

    def clean_email(self) -> str:
        """Return the address. Raises ValidationError for a new one that another user has, ignoring
        case: sign-in by password and by single sign-on both look the user up by it."""
        email = str(self.cleaned_data["email"])
        others = User.objects.exclude(pk=self.instance.pk).filter(email__iexact=email)
        if email and "email" in self.changed_data and others.exists():
            raise ValidationError(_("Another user has this email address"))
        return email


class AdminPasswordChangeForm(BasePasswordForm):  # type: ignore[misc]  # unfold's types say Any
    """Sets or removes another user's password, and tells them."""

    def save(self, commit: bool = True) -> User:
        """Save the password."""
        user: User = super().save(commit)
        events.password_set_by_another(user)
        return user


@admin.register(User)
class UserAdmin(UserBase):
    """Users. Administrators assign groups; only superusers see and change superusers. Nobody
    assigns a group with a permission that they lack, or changes a user with more than they could
    give: else they could take it for themselves."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username", "email", "first_name", "last_name", "is_active", "has_second_factor",
        "last_login",
    )  # fmt: skip
    list_filter = ("is_active", "groups")
    # Permissions come with groups. Two lists side by side would be wider than most screens.
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    actions = ("forget_second_factor",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users. Superusers are visible to superusers only."""
        factors = Authenticator.objects.filter(user=OuterRef("pk"))
        people = super().get_queryset(request).annotate(second_factor=Exists(factors))
        return people if request.user.is_superuser else people.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return the fields that cannot be edited."""
        readonly = super().get_readonly_fields(request, obj)
        return readonly if request.user.is_superuser else (*readonly, *_MIGHT)

    @admin.display(description=_("two-factor authentication"), boolean=True)
    def has_second_factor(self, user: User) -> bool:
        """Return whether the user has an authenticator app or a passkey."""
        return bool(getattr(user, "second_factor", False))

    @admin.action(description=_("Reset two-factor authentication"), permissions=["change"])
    def forget_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete the users' authenticators and recovery codes: the next sign-in sets up new
        ones. Raises PermissionDenied where one of them may not be changed."""
        people = list(queryset)
        if not all(self.has_change_permission(request, user) for user in people):
            raise PermissionDenied
        Authenticator.objects.filter(user__in=people).delete()
        for user in people:
            events.factors_forgotten(user)
        text = ngettext(
            "Two-factor authentication was reset for %d user. They’ll set it up "
            "again when they next sign in.",
            "Two-factor authentication was reset for %d users. They’ll set it up "
            "again when they next sign in.",
            len(people),
        )
        self.message_user(request, text % len(people), messages.SUCCESS)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field; of groups with those that the user may give."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            given = [group.pk for group in roles.given_by(_user(request))]
            field.queryset = Group.objects.filter(pk__in=given).order_by("pk")
        return field

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the user may be changed: not one with more than the changing user could
        give."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or _may_manage(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the user may be deleted: not one with more than the deleting user could
        give, and not once they have log entries, which would be deleted, too. Deactivate them
        instead."""
        if obj is not None and LogEntry.objects.filter(user=obj).exists():
            return False
        if obj is not None and not _may_manage(request, obj):
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the user, with their address confirmed. New users may sign in to the admin
        (`is_staff`)."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)
        email_addresses.confirm(obj)
        changed = set(getattr(form, "changed_data", ()))
        if not change or changed & set(_RIGHTS):
            events.user_changed(obj, **{name: getattr(obj, name) for name in _RIGHTS})
        if change and "email" in changed:
            events.address_changed(obj, former=str(form.initial.get("email") or ""))


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("the admin has no anonymous users")
    return request.user


def _may_manage(request: HttpRequest, other: User) -> bool:
    """Return whether the user may change another one. Read once for a request, which asks several
    times, before it changes anything."""
    known: dict[int, bool] = vars(request).setdefault("may_manage", {})
    if other.pk not in known:
        known[other.pk] = roles.may_manage(_user(request), other)
    return known[other.pk]


@admin.register(Group)
class GroupAdmin(GroupBase):
    """Groups and their permissions. A migration creates them; only superusers change them."""

    filter_horizontal = ()  # its two lists fail WCAG: contrast, and names of their icons

    def has_change_permission(self, request: HttpRequest, _obj: Group | None = None) -> bool:
        """Return whether the user may change groups: otherwise administrators could grant
        themselves everything."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, _obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)
