"""Who signs in: users and groups, in the hands of administrators."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

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
# What makes somebody mightier than any group: for those who are it already.
_MIGHT = ("is_superuser", "user_permissions")


@admin.register(User)
class UserAdmin(UserBase):
    """People. Administrators give groups; only a superuser makes another, or touches one."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "last_login")
    list_filter = ("is_staff", "is_active", "groups")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the people; superusers show to superusers alone."""
        people = super().get_queryset(request)
        return people if request.user.is_superuser else people.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return what cannot be edited."""
        readonly = super().get_readonly_fields(request, obj)
        return readonly if request.user.is_superuser else (*readonly, *_MIGHT)


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
