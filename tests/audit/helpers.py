"""Helpers of the audit's tests."""

import io
from typing import Any

from django.core.management import CommandError, call_command
from django.db.models import QuerySet

from tests.triggers import suspended_triggers
from unsub.audit import verification


def findings(exported: Any = ()) -> list[str]:
    """Return what the verification finds."""
    return [str(found) for found in verification.verify(verification.Result(), exported)]


def tamper(rows: QuerySet[Any], /, **changes: Any) -> None:
    """Change rows as somebody does who can switch the triggers off."""
    with suspended_triggers():
        assert rows.update(**changes)


def verify_audit(*args: str) -> tuple[str, str]:
    """Run the command. Return its output, and its error or ""."""
    out = io.StringIO()
    try:
        call_command("verify_audit", *args, stdout=out)
    except CommandError as err:
        return out.getvalue(), str(err)
    return out.getvalue(), ""
