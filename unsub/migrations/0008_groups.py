"""The four groups of people: viewer, marketer, operator, administrator."""

from typing import Any

from django.apps import apps as now
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations

_READ = (
    "unsubrequest", "deliveryattempt", "businessunit", "reason", "reasonlabel", "mailinglist",
    "lostlink", "alarm", "pagetext", "logo",
)  # fmt: skip
_VIEW = tuple(f"view_{name}" for name in _READ)
_WRITTEN = ("reason", "reasonlabel", "mailinglist")
_EDIT = tuple(f"{act}_{name}" for name in _WRITTEN for act in ("add", "change", "delete"))
_MARKET = (*_VIEW, *_EDIT, "change_unsubrequest", "change_businessunit", "change_lostlink")
_OPERATE = (*_VIEW, "change_unsubrequest", "change_businessunit", "add_businessunit", "all_units")
_PEOPLE = ("view_user", "add_user", "change_user", "delete_user", "view_group")
_ADMINISTER = (*_MARKET, "add_businessunit", "delete_lostlink", "all_units", *_PEOPLE)
GROUPS = {
    "viewer": _VIEW,
    "marketer": _MARKET,
    "operator": _OPERATE,
    "administrator": _ADMINISTER,
}


def make_groups(apps: Any, _schema_editor: Any) -> None:
    """Make the groups. One that is there already keeps what it may do."""
    # Permissions are made after all migrations; these groups need them now.
    for label in ("auth", "unsub"):
        create_permissions(now.get_app_config(label), verbosity=0, apps=now)
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for name, codes in GROUPS.items():
        group, is_new = group_model.objects.get_or_create(name=name)
        if is_new:
            group.permissions.set(
                permission_model.objects.filter(
                    codename__in=codes, content_type__app_label__in=("auth", "unsub")
                )
            )


class Migration(migrations.Migration):
    dependencies = [
        ("unsub", "0007_people"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
