"""What a business unit still needs, and how its texts stand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT
from unsub.models import (
    BusinessUnit,
    By,
    CatalogueState,
    DailyCount,
    PageText,
    Reason,
)
from unsub.models.mailing_list import NO_RIGHT
from unsub.units import queue_state
from unsub.units.setup import Gap, UnitFacts, facts_of, gaps, incomplete_languages
from unsub.units.text_status import TextStatus, WrittenText, status_of

COMPLETE = UnitFacts(
    name="Example Outfitters",
    mid=PARENT,
    contact_email="post@example.com",
    legal_url="https://example.com/legal",
    privacy_url="https://example.com/privacy",
    has_logo=True,
    has_reasons=True,
    has_link_key=True,
    has_alarm_recipients=True,
    knows_all_subscribers=True,
    was_read=True,
    had_one_click=True,
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_complete_unit_lacks_nothing() -> None:
    assert gaps(COMPLETE) == ()


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ({"name": " "}, Gap.NAME),
        # As a unit is called for which there is no row.
        ({"name": f"Business unit {PARENT}"}, Gap.NAME),
        ({"contact_email": ""}, Gap.CONTACT),
        ({"legal_url": ""}, Gap.LEGAL),
        ({"privacy_url": ""}, Gap.PRIVACY),
        ({"has_logo": False}, Gap.LOGO),
        ({"has_reasons": False}, Gap.REASONS),
        ({"has_link_key": False}, Gap.LINK_KEY),
        ({"has_alarm_recipients": False}, Gap.ALARMS),
        ({"knows_all_subscribers": False}, Gap.ALL_SUBSCRIBERS),
        ({"was_read": False}, Gap.CONNECTION),
        ({"was_read": False, "read_error": NO_RIGHT}, Gap.RIGHTS),
        ({"read_error": NO_RIGHT}, Gap.RIGHTS),
        ({"is_held": True}, Gap.HELD),
        ({"import_error": "MisconfiguredError"}, Gap.IMPORT),
        ({"had_one_click": False}, Gap.ONE_CLICK),
        ({"lacks_new_link": True}, Gap.NEW_LINK),
        ({"written": frozenset({("en", "intro"), ("de", "done")})}, Gap.TEXTS),
    ],
)
def test_each_thing_that_is_missing_is_named_alone(changes: dict[str, Any], gap: Gap) -> None:
    assert gaps(replace(COMPLETE, **changes)) == (gap,)


def test_an_outage_after_a_successful_read_is_no_gap() -> None:
    assert gaps(replace(COMPLETE, read_error="TransientError")) == ()


def test_a_language_is_incomplete_where_it_was_begun_and_lacks_a_text() -> None:
    english = {("en", "intro"), ("en", "done"), ("en", "footer")}
    assert incomplete_languages("en", english) == []
    # The footer of the default language is shown everywhere.
    assert incomplete_languages("en", english | {("de", "intro"), ("de", "done")}) == []
    assert incomplete_languages("en", english | {("de", "intro"), ("fr", "done")}) == ["de", "fr"]


@pytest.mark.django_db
def test_facts_cost_the_same_number_of_queries_for_one_unit_and_for_many(
    unit: BusinessUnit, settings: Settings
) -> None:
    numbers = []
    for more in (0, 8):
        for number in range(more):
            other = BusinessUnit.objects.create(mid=700_000 + number, name=f"Unit {number}")
            PageText.objects.create(unit=other, language="en", place="intro", text="x")
        units = BusinessUnit.objects.select_related(
            "queue_state", "import_state", "catalogue_state"
        )
        with CaptureQueriesContext(connection) as queries:
            found = facts_of(units)
        assert len(found) == more + 1
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] == 5


@pytest.mark.django_db
def test_facts_are_those_of_the_unit_and_no_others(
    unit: BusinessUnit, child: BusinessUnit, settings: Settings
) -> None:
    settings.ADMINS, settings.ALERT_WEBHOOK_URL = [], ""
    Reason.objects.all().delete()
    Reason.objects.create(unit=child, code="x", label="X")
    now = timezone.now()
    CatalogueState.objects.create(unit=child, read_at=now, error=NO_RIGHT)
    queue_state.hold(CHILD, "HTTP 401")
    DailyCount.objects.create(day=now.date(), mid=CHILD, by=By.CHANNEL, key="one_click", number=1)
    PageText.objects.create(unit=child, language="de", place="intro", text="x")
    units = BusinessUnit.objects.select_related("queue_state", "import_state", "catalogue_state")
    facts = facts_of(units)
    mine, other = facts[PARENT], facts[CHILD]
    assert (mine.has_reasons, mine.was_read, mine.is_held, mine.had_one_click) == (False,) * 4
    assert (other.has_reasons, other.was_read, other.is_held, other.had_one_click) == (True,) * 4
    assert (mine.read_error, other.read_error) == ("", NO_RIGHT)
    assert not mine.written
    assert other.written == {("de", "intro")}
    assert mine.import_error == ""
    assert not mine.has_alarm_recipients
    assert mine.has_link_key


def text(days: int = 0, digest: str = "") -> WrittenText:
    """Return a text that was changed some days after the first."""
    return WrittenText(changed_at=LONG_AGO + timedelta(days=days), standard_digest=digest)


@pytest.mark.parametrize(
    ("written", "language", "place", "standard", "status"),
    [
        ({}, "de", "intro", "", TextStatus.NONE),
        ({}, "de", "consent", "d", TextStatus.STANDARD),
        ({("en", "intro"): text()}, "de", "intro", "", TextStatus.MISSING),
        ({("en", "consent"): text()}, "de", "consent", "d", TextStatus.MISSING),
        ({("en", "footer"): text()}, "de", "footer", "", TextStatus.INHERITED),
        ({("de", "intro"): text()}, "de", "intro", "", TextStatus.OWN),
        ({("en", "intro"): text(), ("de", "intro"): text(1)}, "de", "intro", "", TextStatus.OWN),
        ({("en", "intro"): text(1), ("de", "intro"): text()}, "de", "intro", "", TextStatus.OLDER),
        ({("en", "intro"): text(1), ("de", "intro"): text()}, "en", "intro", "", TextStatus.OWN),
        ({("en", "consent"): text(0, "d")}, "en", "consent", "d", TextStatus.OWN),
        ({("en", "consent"): text(0, "d")}, "en", "consent", "e", TextStatus.STANDARD_CHANGED),
        # Written before digests were stored.
        ({("en", "consent"): text()}, "en", "consent", "e", TextStatus.OWN),
    ],
)
def test_a_text_has_one_status(
    written: dict[tuple[str, str], WrittenText],
    language: str,
    place: str,
    standard: str,
    status: TextStatus,
) -> None:
    found = status_of(language, place, base="en", written=written, standard_digest=standard)
    assert found is status
