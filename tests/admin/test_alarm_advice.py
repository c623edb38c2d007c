"""The page of an alarm: what to do about it, with links to what is behind it."""

import re

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils.text import capfirst
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, seen
from unsub.models import DEPLOYMENT, OUTAGES, Alarm, BusinessUnit, Cause

pytestmark = pytest.mark.django_db
LINK = re.compile(r'class="unsub-quiet" href="([^"]+)"')


def page(client: Client, alarm: Alarm) -> str:
    """Return the alarm's page."""
    return client.get(f"/admin/unsub/alarm/{alarm.pk}/change/").content.decode()


@pytest.mark.parametrize("cause", Cause)
def test_each_alarm_is_named_in_words_in_the_list_its_breadcrumb_and_its_title(
    admin_client: Client, unit: BusinessUnit, cause: Cause
) -> None:
    alarm = Alarm.objects.create(cause=cause, mid=DEPLOYMENT if cause in OUTAGES else PARENT)
    words = capfirst(str(cause.label))
    name = words if cause in OUTAGES else f"{words} ({PARENT})"
    shown = page(admin_client, alarm)
    assert re.search(rf"<title>\s*{re.escape(name)} \|", shown)
    assert re.search(rf">\s*{re.escape(name)}\s*</a\s*>", shown)
    listed = admin_client.get("/admin/unsub/alarm/").content.decode()
    assert f">{words}</a>" in listed
    assert re.search(r"<title>\s*Alerts \|", listed)


def test_the_alarm_of_a_send_names_the_send(admin_client: Client, unit: BusinessUnit) -> None:
    alarm = Alarm.objects.create(cause=Cause.SEND_SPIKE, mid=PARENT, job_id=88777)
    assert str(alarm).endswith(f"(JobID 88777, {PARENT})")


@pytest.mark.parametrize("cause", Cause)
def test_each_open_alarm_says_what_to_do_and_its_links_open(
    admin_client: Client, unit: BusinessUnit, cause: Cause
) -> None:
    shown = page(admin_client, Alarm.objects.create(cause=cause, mid=PARENT))
    assert "What to do" in shown
    assert f"Runbook: docs/runbooks/{cause.value}.md" in shown
    for url in LINK.findall(shown):
        answer = admin_client.get(url.replace("&amp;", "&"))
        assert answer.status_code == 200, url


def test_the_runbook_is_a_link_where_its_address_is_configured(
    admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.RUNBOOK_URL = "https://docs.example.com/{name}.html"
    shown = page(admin_client, Alarm.objects.create(cause=Cause.HELD, mid=PARENT))
    assert 'href="https://docs.example.com/held.html"' in shown
    assert "docs/runbooks" not in shown


def test_an_alarm_of_a_held_queue_leads_to_the_unit_and_its_requests(
    admin_client: Client, unit: BusinessUnit
) -> None:
    shown = page(admin_client, Alarm.objects.create(cause=Cause.HELD, mid=PARENT))
    assert f"/admin/unsub/businessunit/?mid__exact={PARENT}" in shown
    assert f"unit__mid__exact={PARENT}&amp;status__exact=held" in shown


def test_an_alarm_that_is_over_gives_no_advice(admin_client: Client, unit: BusinessUnit) -> None:
    over = Alarm.objects.create(cause=Cause.HELD, mid=PARENT, cleared_at=Now())
    assert "What to do" not in seen(page(admin_client, over).encode())
