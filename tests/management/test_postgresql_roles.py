"""The role of the running processes can run everything, and cannot rewrite what is evidence."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from secrets import token_hex

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import MakeSubmission, context
from unsub.alerting import detection
from unsub.audit import sealing, verification
from unsub.checks import check_rights
from unsub.delivery import sweep, worker
from unsub.management import roles
from unsub.management.commands.migrate import Command as Migrate
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    Erasure,
    ResolutionNote,
    Status,
    SubscriberRequest,
)
from unsub.outbox import api as outbox
from unsub.outbox import erasure, pauses, retention, spool
from unsub.reporting import daily_counts
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/unsub/subscriberrequest/"


@pytest.fixture
def run_role(transactional_db: None, admin_user: User) -> Iterator[str]:
    """The connection of a role that was given its rights by the owner of the tables."""
    role, own = f"run_{token_hex(4)}", connection.settings_dict
    before = dict(own)
    roles.apply(role, "a password of its own")
    connection.close()
    own.update(USER=role, PASSWORD="a password of its own")
    yield role
    connection.close()
    own.update(before)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_everything_runs_as_a_role_that_owns_nothing(
    run_role: str,
    admin_client: Client,
    sandbox: Sandbox,
    make_submission: MakeSubmission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "LAG", timedelta())
    monkeypatch.setattr(retention, "ERASED_KEPT_FOR", timedelta())
    unit = BusinessUnit.objects.create(mid=510001, name="Example Outfitters", retention_days=0)
    sandbox.cue("refuse_400")
    outbox.submit(make_submission(1003, job=None))
    worker.drain(unit.mid, more=lambda: None)
    for number in (1001, 1002):
        assert outbox.submit(make_submission(number))
    worker.drain(unit.mid, more=lambda: None)
    sweep.sweep()
    refused = SubscriberRequest.objects.get(status=Status.REFUSED)
    for name, more in (("mark_handled", {"note": "By hand"}), ("try_selected_again", {})):
        act(admin_client, refused, name, **more)
    assert ResolutionNote.objects.count() == 1
    worker.drain(unit.mid, more=lambda: None)
    outbox.request_erasure(context(1001), language="en")
    erasure.grant(Erasure.objects.get(), user_id=User.objects.get().pk, note="")
    assert retention.apply()["requests"] >= 1
    list(spool.drain())
    pauses.end_due()
    daily_counts.refresh()
    detection.evaluate()
    assert sealing.seal() + sealing.seal() == 3 + DeliveryAttempt.objects.count()
    assert list(verification.verify(verification.Result())) == []
    assert admin_client.get(f"{PAGE}{refused.pk}/history/").status_code == 200
    assert admin_client.get("/admin/").status_code == 200


def act(client: Client, row: SubscriberRequest, action: str, **more: str) -> None:
    """Run an action of the list of requests, and confirm it."""
    fields = {"action": action, "_selected_action": str(row.pk), "confirmed": "1", **more}
    assert client.post(PAGE, fields).status_code in {200, 302}


EVIDENCE = (
    "unsub_subscriberrequest", "unsub_linkemail", "unsub_deliveryattempt", "unsub_resolutionnote",
    "unsub_auditseal", "unsub_consenttext", "django_admin_log",
)  # fmt: skip


def test_that_role_cannot_delete_rewrite_or_alter_evidence(
    run_role: str, make_submission: MakeSubmission
) -> None:
    row = outbox.submit(make_submission())
    assert row
    own = SubscriberRequest.objects.filter(pk=row.pk)
    own.update(status=Status.DONE, outcome="posted", attempts=1, finished_at=row.received_at)
    for change in ({"outcome": "refused"}, {"sfmc_request_id": "x"}, {"attempts": 2}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            own.update(**change)
    for table in EVIDENCE:
        refused(f"TRUNCATE {table} CASCADE", f"DELETE FROM {table}")  # noqa: S608
        refused(f"ALTER TABLE {table} DISABLE TRIGGER ALL", f"DROP TABLE {table}")
    refused(
        "UPDATE unsub_auditseal SET rows = 0",
        "UPDATE django_admin_log SET change_message = ''",
        "UPDATE unsub_resolutionnote SET note = ''",
        "UPDATE unsub_consenttext SET text = ''",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION unsub_request_is_final() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$",
        "TRUNCATE unsub_businessunit CASCADE",
    )


def refused(*statements: str) -> None:
    """Check that the role has no right to run these statements."""
    for statement in statements:
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_migrate_gives_the_role_of_the_processes_its_rights(settings: Settings) -> None:
    role = f"run_{token_hex(4)}"
    settings.RUN_DATABASE = {"USER": role, "PASSWORD": "first"}
    out = StringIO()
    try:
        for password in ("first", "second"):
            settings.RUN_DATABASE["PASSWORD"] = password
            migrate(out)
        assert f"{role} has the rights" in out.getvalue()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT has_table_privilege(%s, 'unsub_subscriberrequest', 'UPDATE')", [role]
            )
            assert cursor.fetchone() == (True,)
    finally:
        connection.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def migrate(out: StringIO) -> None:
    """Run migrate as an operator does."""
    command = Migrate(stdout=out)
    command._by_operator = True
    call_command(command, verbosity=1)


def test_the_statements_can_be_printed_for_a_database_administrator(db: None) -> None:
    out = StringIO()
    call_command("database_roles", "run", stdout=out)
    lines = out.getvalue().splitlines()
    assert 'GRANT SELECT, INSERT ON "unsub_auditseal" TO "run";' in lines
    assert not any("TRUNCATE" in line for line in lines)
    with pytest.raises(CommandError, match="owns the tables"):
        call_command("database_roles", connection.settings_dict["USER"])


def test_every_table_with_limited_rights_exists(db: None) -> None:
    assert set(roles.LIMITED) <= set(connection.introspection.table_names())


def test_the_check_says_nothing_of_a_role_that_owns_nothing(run_role: str) -> None:
    assert check_rights(databases=["default"]) == []


def test_the_check_says_when_the_processes_own_the_tables(db: None) -> None:
    assert [found.id for found in check_rights(databases=["default"])] == ["unsub.W019"]
    assert check_rights() == []
