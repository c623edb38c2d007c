"""Who signs in: users and groups, in the hands of administrators."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.forms import UserChangeForm as BaseUserChangeForm

from unsub.accounts import email_addresses

if TYPE_CHECKING:
    UserBase = BaseUserAdmin[User]
    GroupBase = BaseGroupAdmin
else:

    class UserBase(BaseUserAdmin, ModelAdmin):
        """Django's own, in the admin's looks."""

    class GroupBase(BaseGroupAdmin, ModelAdmin):
        """Django's own, in the admin's looks."""


admin.site.unregister(User)
admin.site.unregister(Group)
# Sign-in keeps these for itself: there is nothing in them to edit.
for _kept in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(_kept)
# What makes somebody mightier than any group: for those who are it already.
_MIGHT = ("is_superuser",)


class UserChangeForm(BaseUserChangeForm):  # type: ignore[misc]  # unfold's types say Any
    """Unfold's own, with one user for each address."""

    def clean_email(self) -> str:
        """Return the address. Raises ValidationError for a new one that another user has, in
        whatever case: people sign in with it, and their company's account is found by it."""
        email = str(self.cleaned_data["email"])
        others = User.objects.exclude(pk=self.instance.pk).filter(email__iexact=email)
        if email and "email" in self.changed_data and others.exists():
            raise ValidationError(_("Another user has this address."))
        return email


@admin.register(User)
class UserAdmin(UserBase):
    """People. Administrators give groups; only a superuser makes another, or touches one."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username", "email", "first_name", "last_name", "is_active", "has_second_factor",
        "last_login",
    )  # fmt: skip
    list_filter = ("is_active", "groups")
    # Rights come with groups. Two lists side by side would be wider than most screens.
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("May do"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    actions = ("forget_second_factor",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the people; superusers show to superusers alone."""
        factors = Authenticator.objects.filter(user=OuterRef("pk"))
        people = super().get_queryset(request).annotate(second_factor=Exists(factors))
        return people if request.user.is_superuser else people.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return what cannot be edited."""
        readonly = super().get_readonly_fields(request, obj)
        return readonly if request.user.is_superuser else (*readonly, *_MIGHT)

    @admin.display(description=_("second factor"), boolean=True)
    def has_second_factor(self, user: User) -> bool:
        """Return whether somebody has an app or a passkey."""
        return bool(getattr(user, "second_factor", False))

    @admin.action(description=_("Forget the second factor (a lost phone)"), permissions=["change"])
    def forget_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Take apps, passkeys and codes away: the next sign-in sets new ones up."""
        people = list(queryset)
        Authenticator.objects.filter(user__in=people).delete()
        for user in people:
            self.log_change(request, user, gettext("The second factor was forgotten."))
        text = ngettext(
            "%d person sets up a new one at the next sign-in.",
            "%d people set up new ones at the next sign-in.",
            len(people),
        )
        self.message_user(request, text % len(people), messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether somebody may go: whoever acted here stays, or the record of it would go,
        too. They are made inactive instead."""
        if obj is not None and LogEntry.objects.filter(user=obj).exists():
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save somebody, with the address confirmed. Whoever is made here is made for the admin."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)
        email_addresses.confirm(obj)


@admin.register(Group)
class GroupAdmin(GroupBase):
    """What each group may do: made by a migration, changed by superusers."""

    def has_change_permission(self, request: HttpRequest, _obj: Group | None = None) -> bool:
        """Return whether it may be changed: else an administrator could give themselves all."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether one may be made."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, _obj: Group | None = None) -> bool:
        """Return whether one may go."""
        return bool(request.user.is_superuser)
