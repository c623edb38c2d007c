"""The reasons that every unit offers until it has its own (field notes 4)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.utils.translation import gettext_noop as _

REASONS = (
    ("too-many", _("I get too many messages")),
    ("not-relevant", _("It is not relevant to me")),
    ("never-signed-up", _("I never signed up for this")),
    ("content", _("The content is not what I expected")),
    ("situation", _("My situation has changed")),
    ("other-channel", _("I prefer another channel")),
    ("display", _("It does not display well for me")),
    ("privacy", _("I have privacy concerns")),
    ("other", _("Something else")),
)


def add(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add the common reasons, in the order in which the page shows them."""
    reason = apps.get_model("unsub", "Reason")
    for position, (code, label) in enumerate(REASONS, start=1):
        reason.objects.create(
            code=code, label=label, position=position * 10, asks_text=code == "other"
        )


def remove(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the common reasons that nobody has given."""
    apps.get_model("unsub", "Reason").objects.filter(unit=None, unsubrequest=None).delete()


class Migration(migrations.Migration):
    """The common reasons."""

    dependencies = (("unsub", "0002_attempts_append_only"),)
    operations = (migrations.RunPython(add, remove, elidable=False),)
