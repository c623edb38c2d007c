"""A migration of a deployment with millions of rows locks no table for as long as it reads it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from unsub.infra.online_migrations import (
    AddConstraintOnline,
    AddIndexOnline,
    RemoveIndexOnline,
    ValidateConstraintOnline,
)

LARGE = {"subscriberrequest", "deliveryattempt", "linkemail", "dailycount", "resolutionnote"}
FIRST = ("0001", "0002", "0003")  # these make the tables
ONLINE = (
    AddIndexOnline, RemoveIndexOnline, AddConstraintOnline, ValidateConstraintOnline,
)  # fmt: skip
# These change what Django knows, or rename: no row is read.
QUICK = (
    migrations.RemoveField, migrations.AlterModelOptions, migrations.AlterModelManagers,
    migrations.RemoveConstraint, migrations.RenameIndex,
)  # fmt: skip


def locking(operation: Operation) -> str:
    """Return why an operation keeps others waiting while it reads a large table, or ""."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return " ".join(filter(None, map(locking, operation.database_operations)))
    if isinstance(operation, migrations.RunSQL):
        return "RunSQL cannot be checked: use an operation, or name it in test_online_migrations"
    model = getattr(operation, "model_name", "") or getattr(operation, "name", "")
    if model.lower() not in LARGE or isinstance(operation, (*ONLINE, *QUICK)):
        return ""
    if isinstance(operation, migrations.AddField):
        return _locking_field(operation.field)
    if isinstance(operation, (migrations.CreateModel, migrations.RunPython)):
        return ""
    return f"{type(operation).__name__} on {model}: use unsub/infra/online_migrations.py"


def _locking_field(field: Any) -> str:
    """Return why a new column keeps others waiting, or "". A constant in the database's catalogue
    (`db_default`) is no rewrite; a default of Django's is."""
    constant = isinstance(field.db_default, (str, int, bool))
    if not field.null and not constant:
        return f"the new column {field.name} is neither nullable nor has a constant db_default"
    if field.unique or field.db_index:
        return f"the new column {field.name} has an index: add it by AddIndexOnline"
    return ""


def _operations() -> Iterator[tuple[str, Operation]]:
    loader = MigrationLoader(None)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app == "unsub" and not name.startswith(FIRST):
            for operation in migration.operations:
                yield name, operation


def test_no_migration_since_the_first_locks_a_large_table() -> None:
    found = [(name, reason) for name, one in _operations() if (reason := locking(one))]
    assert not found


REQUEST = "subscriberrequest"
INDEX = models.Index(fields=("job_id", "id"), name="request_of_a_test")
CHECK = models.CheckConstraint(
    condition=models.Q(attempts__lt=1_000_000), name="request_check_of_a_test"
)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex(REQUEST, INDEX),
        migrations.RemoveIndex(REQUEST, "request_job"),
        migrations.AddConstraint(REQUEST, CHECK),
        migrations.AlterField(REQUEST, "language", models.CharField(max_length=40)),
        migrations.AddField(REQUEST, "extra", models.IntegerField(default=0)),
        migrations.AddField(REQUEST, "extra", models.IntegerField(null=True, db_index=True)),
        migrations.RunSQL("SELECT 1"),
    ],
)
def test_what_locks_a_large_table_is_refused(operation: Operation) -> None:
    assert locking(operation)


@pytest.mark.parametrize(
    "operation",
    [
        AddIndexOnline(REQUEST, INDEX),
        RemoveIndexOnline(REQUEST, "request_job"),
        AddConstraintOnline(REQUEST, CHECK),
        ValidateConstraintOnline(REQUEST, CHECK.name),
        migrations.AddField(REQUEST, "extra", models.IntegerField(null=True)),
        migrations.AddField(REQUEST, "extra", models.IntegerField(db_default=0)),
        migrations.AddIndex("alarm", INDEX),
    ],
)
def test_what_does_not_lock_a_large_table_is_allowed(operation: Operation) -> None:
    assert not locking(operation)


@pytest.mark.django_db(transaction=True)
def test_the_operations_work_on_this_database() -> None:
    before = MigrationLoader(connection).project_state()
    model = before.apps.get_model("unsub", "alarm")
    index = models.Index(fields=("mid",), name="alarm_of_a_test")
    steps: list[Any] = [AddIndexOnline("alarm", index)]
    if connection.vendor == "postgresql":  # SQLite would rebuild the table
        check = models.CheckConstraint(condition=models.Q(mid__gte=0), name="alarm_check")
        steps += [
            AddConstraintOnline("alarm", check),
            ValidateConstraintOnline("alarm", "alarm_check"),
        ]
    states = [before]
    for step in steps:
        states.append(_applied(step, states[-1]))
    names = _names_of(model)
    for step, state in reversed([*zip(steps, states, strict=False)]):
        with connection.schema_editor(atomic=False) as editor:
            step.database_backwards("unsub", editor, _after(step, state), state)
    assert {"alarm_of_a_test"} <= names
    assert "alarm_of_a_test" not in _names_of(model)


def _after(step: Operation, state: ProjectState) -> ProjectState:
    later = state.clone()
    step.state_forwards("unsub", later)
    return later


def _applied(step: Operation, state: ProjectState) -> ProjectState:
    later = _after(step, state)
    with connection.schema_editor(atomic=False) as editor:
        step.database_forwards("unsub", editor, state, later)
    return later


def _names_of(model: Any) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, model._meta.db_table))
