"""The time zone of a user: what they choose, the default, and where it shows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.helpers import MakeSubmission, person, rewrite, seen, settle
from unsub.models import BusinessUnit, StaffSettings, Status, SubscriberRequest
from unsub.outbox import store

from .pages import LOGIN, RIGHT

pytestmark = pytest.mark.django_db
OWN = "/admin/account/settings/"
LIST = "/admin/unsub/subscriberrequest/"
TEMPLATES = Path(__file__).parents[2] / "templates" / "admin"


@pytest.fixture
def request_at_noon(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A request of noon UTC, in winter."""
    row, _ = store.write(make_submission(received_at=datetime(2026, 11, 2, 12, tzinfo=UTC)))
    settle(SubscriberRequest.objects.all(), Status.DONE)
    rewrite(
        SubscriberRequest.objects.all(), finished_at=datetime(2026, 11, 2, 12, 0, 5, tzinfo=UTC)
    )
    return row


def test_pages_show_times_in_the_zone_that_the_user_chose(
    unit: BusinessUnit, request_at_noon: SubscriberRequest
) -> None:
    client = person("marketer", unit)
    page = f"{LIST}{request_at_noon.pk}/change/"
    assert "2026-11-02 12:00:05 UTC" in seen(client.get(page).content)
    client.post(OWN, {"time_zone": "America/New_York"})
    for path in (LIST, page, f"{LIST}{request_at_noon.pk}/proof/"):
        html = seen(client.get(path).content)
        assert "2026-11-02 07:00:0" in html, path
        assert "EST" in html, path
        assert "2026-11-02 12:00:0" not in html, path
    assert StaffSettings.objects.get().time_zone == "America/New_York"


def test_a_page_names_summer_time(unit: BusinessUnit, make_submission: MakeSubmission) -> None:
    store.write(make_submission(received_at=datetime(2026, 7, 1, 12, tzinfo=UTC)))
    client = person("marketer", unit)
    client.post(OWN, {"time_zone": "Europe/Berlin"})
    assert "2026-07-01 14:00:00 CEST" in seen(client.get(LIST).content)


def test_a_zone_that_does_not_exist_is_refused(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    for name in ("Europe/Atlantis", "../etc/passwd", "localtime"):
        assert client.post(OWN, {"time_zone": name}).status_code == 200
    assert not StaffSettings.objects.exists()


def test_the_default_is_the_zone_of_the_units_where_they_agree(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    BusinessUnit.objects.update(time_zone="Asia/Tokyo")
    user = User.objects.create_user("ada", password="right-and-long", is_staff=True)
    user.units.add(unit, child)
    client = Client()
    client.post(LOGIN, RIGHT | {"login": "ada"})
    assert client.session["time_zone"] == "Asia/Tokyo"
    assert "Default (Asia/Tokyo)" in seen(client.get(OWN).content)
    BusinessUnit.objects.filter(mid=child.mid).update(time_zone="Europe/Berlin")
    again = Client()
    again.post(LOGIN, RIGHT | {"login": "ada"})
    assert again.session["time_zone"] == "UTC"


def test_a_choice_is_there_at_the_next_sign_in_and_can_be_taken_back(unit: BusinessUnit) -> None:
    user = User.objects.create_user("ada", password="right-and-long", is_staff=True)
    client = Client()
    client.post(LOGIN, RIGHT | {"login": "ada"})
    client.post(OWN, {"time_zone": "Europe/Berlin"})
    other = Client()
    other.post(LOGIN, RIGHT | {"login": "ada"})
    assert other.session["time_zone"] == "Europe/Berlin"
    other.post(OWN, {"time_zone": ""})
    assert other.session["time_zone"] == "UTC"
    assert user.staff_settings.time_zone == ""


def test_a_page_of_the_admin_costs_no_statement_for_the_zone(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    from_before = _statements(client)
    client.post(OWN, {"time_zone": "Europe/Berlin"})
    assert _statements(client) == from_before


def test_no_page_of_the_admin_adds_the_name_of_a_zone_by_hand() -> None:
    for path in TEMPLATES.rglob("*.html"):
        for line in path.read_text().splitlines():
            # A date of a chart or a field has no time.
            assert "}} UTC" not in line, path
            assert 'H:i:s" ' not in line, path


def test_the_sign_in_page_needs_no_session(client: Client) -> None:
    answer = client.get("/admin/account/login/")
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies


def _statements(client: Client) -> int:
    """Return how many statements a list takes."""
    with CaptureQueriesContext(connection) as queries:
        client.get(LIST)
    return len(queries)
