"""The admin's pages of scheduled exports."""

from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, person, seen
from unsub import tasks
from unsub.models import BusinessUnit, ExportPlan, ExportRun

pytestmark = pytest.mark.django_db
PLANS, RUNS = "/admin/unsub/exportplan/", "/admin/unsub/exportrun/"
FORM = {"frequency": "daily", "hour": "2", "time_zone": "Europe/Berlin", "format": "csv",
        "active": "on"}  # fmt: skip


def add(client: Client, **fields: str) -> None:
    """Add a plan."""
    answer = client.post(f"{PLANS}add/", FORM | fields)
    assert answer.status_code == 302, seen(answer.content)


@pytest.fixture
def storage(tmp_path: Path, settings: Settings) -> Path:
    """A folder to export to."""
    settings.EXPORT_URL = f"file://{tmp_path}"
    return tmp_path


def test_a_plan_is_added_run_now_and_its_file_listed(unit: BusinessUnit, storage: Path) -> None:
    client = person("administrator")
    add(client, named="on", everything="on")
    plan = ExportPlan.objects.get()
    assert (plan.unit, plan.named, plan.upto_at) == (None, True, None)
    assert plan.created_by is not None
    assert plan.next_at > timezone.now()
    data = {"action": "run_now", "_selected_action": str(plan.pk)}
    text = seen(client.post(PLANS, data, follow=True).content)
    assert "1 export is written within a minute." in text
    run = ExportRun.objects.get()
    tasks.write_export(run.pk)
    assert len(list(storage.iterdir())) == 2
    run.refresh_from_db()
    text = seen(client.get(RUNS).content)
    assert "written" in text
    assert run.name in text
    assert run.sha256 in seen(client.get(f"{RUNS}{run.pk}/change/").content)
    assert LogEntry.objects.filter(change_message="Run now.").exists()


def test_a_missing_file_says_why_and_can_be_retried(unit: BusinessUnit, settings: Settings) -> None:
    settings.EXPORT_URL = ""
    client = person("administrator")
    add(client)
    assert "EXPORT_URL isn’t set" in seen(client.get(PLANS).content)
    plan = ExportPlan.objects.get()
    ExportPlan.objects.update(next_at=plan.upto_at)
    ExportPlan.objects.update(upto_at=None)
    tasks.start_exports()
    client.post(PLANS, {"action": "run_now", "_selected_action": str(plan.pk)})
    run = ExportRun.objects.order_by("pk")[0]
    tasks.write_export(run.pk)
    text = seen(client.get(RUNS).content)
    assert "failed, retried automatically" in text
    assert "no_export_url" in text
    client.post(RUNS, {"action": "retry_now", "_selected_action": str(run.pk)})
    run.refresh_from_db()
    assert run.next_attempt_at <= timezone.now()


def test_a_changed_plan_has_a_new_time_and_keeps_its_unit(
    unit: BusinessUnit, child: BusinessUnit, storage: Path
) -> None:
    client = person("administrator")
    add(client, unit=str(PARENT))
    plan = ExportPlan.objects.get()
    client.post(f"{PLANS}{plan.pk}/change/", FORM | {"hour": "5", "unit": str(child.mid)})
    changed = ExportPlan.objects.get()
    assert (changed.hour, changed.unit) == (5, unit)
    assert changed.next_at != plan.next_at


def test_nobody_exports_other_units_or_names_without_the_right(
    unit: BusinessUnit, child: BusinessUnit, storage: Path
) -> None:
    operator = person("operator")
    add(operator, named="on")
    assert not ExportPlan.objects.get().named
    marketer = person("marketer", unit)
    for page in (PLANS, f"{PLANS}add/", RUNS):
        assert marketer.get(page).status_code == 403


def test_an_hour_and_a_time_zone_that_are_none_are_refused(unit: BusinessUnit) -> None:
    client = person("administrator")
    text = seen(client.post(f"{PLANS}add/", FORM | {"hour": "24", "time_zone": "Mars"}).content)
    assert "less than or equal to 23" in text
    assert "Enter a time zone, like Europe/Berlin" in text
    assert not ExportPlan.objects.exists()
