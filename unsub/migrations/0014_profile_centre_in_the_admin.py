"""What the admin needs for the profile centre: the groups see its rows, requests are found by kind,
and each kind is tallied."""

from typing import Any

from django.apps import apps as now
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

_VIEW = ("view_pause", "view_wording", "view_erasure")
_DECIDE = (*_VIEW, "change_erasure")
GROUPS = {"viewer": _VIEW, "marketer": _DECIDE, "operator": _VIEW, "administrator": _DECIDE}


def extend_groups(apps: Any, _schema_editor: Any) -> None:
    """Add to the groups that are there; nothing is taken from anybody."""
    # Permissions are made after all migrations; these groups need them now.
    create_permissions(now.get_app_config("unsub"), verbosity=0, apps=now)
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for name, codes in GROUPS.items():
        for group in group_model.objects.filter(name=name):
            group.permissions.add(
                *permission_model.objects.filter(
                    codename__in=codes, content_type__app_label="unsub"
                )
            )


class Migration(migrations.Migration):
    dependencies = [
        ("unsub", "0013_profile_wishes"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dailytally",
            name="by",
            field=models.CharField(
                choices=[
                    ("state", "state"),
                    ("channel", "channel"),
                    ("job", "job"),
                    ("list", "list"),
                    ("reason", "reason"),
                    ("kind", "kind"),
                ],
                max_length=10,
                verbose_name="by",
            ),
        ),
        migrations.AddIndex(
            model_name="unsubrequest",
            index=models.Index(
                condition=models.Q(("kind", "unsubscribe"), _negated=True),
                fields=["kind", "id"],
                name="request_kind",
            ),
        ),
        migrations.RunPython(extend_groups, migrations.RunPython.noop),
    ]
