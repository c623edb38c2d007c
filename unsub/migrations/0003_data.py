"""What every deployment begins with: the four groups of users, and the common reasons."""

from typing import Any

from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.utils.translation import gettext_noop as _

_READ = (
    "subscriberrequest", "deliveryattempt", "businessunit", "reason", "reasonlabel", "mailinglist",
    "lostlink", "alarm", "pagetext", "logo", "darklogo", "pause", "consenttext", "erasure",
    "linkemail", "send", "unsubscribeimport", "topic", "topictext", "webhookendpoint",
    "webhookdelivery",
)  # fmt: skip
_WRITTEN = ("reason", "reasonlabel", "mailinglist", "topic", "topictext")
_VIEW = tuple(f"view_{name}" for name in _READ)
_EDIT = tuple(f"{act}_{name}" for name in _WRITTEN for act in ("add", "change", "delete"))
_WEBHOOKS = (
    "add_webhookendpoint", "change_webhookendpoint", "delete_webhookendpoint",
    "change_webhookdelivery",
)  # fmt: skip
_MARKET = (
    *_VIEW, *_EDIT, "change_subscriberrequest", "change_businessunit", "change_lostlink",
    "change_erasure", "name_subscribers", "import_unsubscribes", *_WEBHOOKS,
)  # fmt: skip
_RESTORE = ("view_restorehold", "change_restorehold")
_EXPORT = (
    "view_exportplan", "add_exportplan", "change_exportplan", "delete_exportplan", "view_exportrun",
    "change_exportrun",
)  # fmt: skip
_OPERATE = (
    *_VIEW, "change_subscriberrequest", "change_businessunit", "add_businessunit", "all_units",
    *_RESTORE, *_EXPORT,
)  # fmt: skip
_PEOPLE = (
    "view_user", "add_user", "change_user", "delete_user", "view_group", "view_invitation",
    "add_invitation", "change_invitation", "change_savedview", "view_apikey", "add_apikey",
    "change_apikey",
)  # fmt: skip
_ADMINISTER = (
    *_MARKET, "add_businessunit", "delete_lostlink", "all_units", *_RESTORE, *_EXPORT, *_PEOPLE,
)  # fmt: skip
GROUPS = {
    "viewer": _VIEW,
    "marketer": _MARKET,
    "operator": _OPERATE,
    "administrator": _ADMINISTER,
}

# Every unit offers these until it has reasons of its own.
REASONS = (
    ("no-longer", _("I no longer want these emails")),
    ("too-many", _("I get too many emails")),
    ("not-relevant", _("The emails are not relevant to me")),
    ("never-signed-up", _("I never signed up for these emails")),
    ("spam", _("These emails look like spam")),
    ("other", _("Other reason")),
)
# There, but not offered: a marketer can switch them on.
NOT_OFFERED = (
    ("situation", _("My situation has changed")),
    ("other-channel", _("I prefer another channel")),
    ("display", _("Emails do not display properly")),
    ("privacy", _("I have privacy concerns")),
)


def create_groups(apps: Any, _schema_editor: Any) -> None:
    """Create the groups with their permissions. An existing group keeps its own."""
    # Django creates permissions after all migrations; the groups need them now.
    for label in ("auth", "unsub"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=installed)
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


def create_reasons(apps: Any, _schema_editor: Any) -> None:
    """Create the common reasons, in the order in which the page shows them."""
    reason = apps.get_model("unsub", "Reason")
    for position, (code, label) in enumerate((*REASONS, *NOT_OFFERED), start=1):
        reason.objects.create(
            code=code,
            label=label,
            position=position * 10,
            asks_text=code == "other",
            active=(code, label) in REASONS,
            is_abuse=code in {"never-signed-up", "spam"},
        )


def delete_reasons(apps: Any, _schema_editor: Any) -> None:
    """Delete the common reasons that no request refers to."""
    reasons = apps.get_model("unsub", "Reason").objects
    reasons.filter(unit=None, subscriberrequest=None).delete()


class Migration(migrations.Migration):
    """Groups and common reasons."""

    dependencies = (
        ("unsub", "0002_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )
    operations = (
        migrations.RunPython(create_groups, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(create_reasons, delete_reasons, elidable=False),
    )
