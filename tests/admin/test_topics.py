"""Topics in the admin: their form, and what Marketing Cloud has of their place."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.helpers import CHILD, PARENT, MakeSubmission, person, seen
from unsub.admin.topics import problem_of
from unsub.models import BusinessUnit, Channel, Kind, Topic
from unsub.outbox import store
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox
from unsub.sandbox.world.sample import PREFERENCES

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/unsub/topic/"
TEXTS = {"texts-TOTAL_FORMS": "0", "texts-INITIAL_FORMS": "0"}
FORM = TEXTS | {
    "unit": str(PARENT), "code": "tips", "name": "Tips and ideas", "offered": "on",
    "position": "1000", "kept_in": "column", "data_extension": PREFERENCES,
    "key_column": "SubscriberKey", "key_holds": "key", "column": "Tips", "on_value": "True",
    "off_value": "False", "choices": "", "empty_value": "",
}  # fmt: skip
OFTEN = {"column": "Frequency", "choices": "weekly = Every week\nnever = Never"}


def add(client: Client, **changes: str) -> str:
    """Return the text of the page after adding a topic."""
    return seen(client.post(f"{PAGE}add/", FORM | changes, follow=True).content)


def test_a_topic_is_checked_in_marketing_cloud_when_it_is_saved(
    unit: BusinessUnit, sandbox: Sandbox
) -> None:
    client = person("marketer", unit)
    assert "Checked: Marketing Cloud has what this topic needs." in add(client)
    one = Topic.objects.get()
    assert LogEntry.objects.filter(object_id=str(one.pk)).exists()
    there = f"{PAGE}{one.pk}/change/"
    words = seen(client.post(there, FORM | {"column": "Nope"}, follow=True).content)
    assert "has no column “Nope”. It has: SubscriberKey, Tips, Frequency, ChangedOn." in words
    # The code is what requests name the topic by.
    client.post(there, FORM | {"code": "another", "unit": str(CHILD)})
    one.refresh_from_db()
    assert (one.code, one.unit_id) == ("tips", PARENT)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"data_extension": "gone"}, "no data extension “gone”"),
        ({"key_column": "Tips", "column": "Frequency"}, "“Tips” must be the only primary key"),
        ({"on_value": "yes please"}, "can’t take the value “yes please”"),
        ({"column": "Frequency", "choices": "once a fortnight = Every two weeks"}, "can’t take"),
        ({"kept_in": "attribute", "column": "Newsletter by post"}, ""),
        ({"kept_in": "attribute", "column": "Shoes"}, "no profile attribute “Shoes”"),
        ({"unsubscribes_list_id": 7002}, ""),
        ({"unsubscribes_list_id": 7000}, "This is All Subscribers"),
        ({"unsubscribes_list_id": 7999}, "no list with the ListID 7999"),
    ],
)
def test_the_check_says_what_is_wrong_with_the_place(
    unit: BusinessUnit, sandbox: Sandbox, changes: dict[str, str], problem: str
) -> None:
    given = {"data_extension": PREFERENCES, "key_column": "SubscriberKey", "column": "Tips"}
    found = problem_of(Topic(unit=unit, code="tips", name="Tips", **given | changes))
    assert found is not None
    assert problem in found
    assert bool(found) is bool(problem)


def test_the_check_waits_for_nobody_and_says_so(unit: BusinessUnit, sandbox: Sandbox) -> None:
    sandbox.cue("fault_10", times=None)
    assert "isn’t checked" in add(person("marketer", unit))
    assert Topic.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data_extension": ""}, "data_extension"),
        ({"key_column": "tips"}, "column"),
        ({"on_value": "False"}, "on_value"),
        ({"empty_value": "perhaps"}, "empty_value"),
        ({"code": "1"}, "code"),
        (OFTEN, "off_value"),
        (OFTEN | {"off_value": "never", "empty_value": "daily"}, "empty_value"),
        (OFTEN | {"off_value": "", "choices": "weekly = Every week"}, "choices"),
        (OFTEN | {"off_value": "", "choices": "a = A\na = B"}, "choices"),
        ({"unsubscribes_list_id": "7000"}, "unsubscribes_list_id"),
    ],
)
def test_an_incomplete_topic_is_an_error_at_its_field(
    unit: BusinessUnit, sandbox: Sandbox, changes: dict[str, str], field: str
) -> None:
    BusinessUnit.objects.filter(pk=unit.pk).update(found_all_subscribers_list_id=7000)
    answer = person("marketer", unit).post(f"{PAGE}add/", FORM | changes)
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Topic.objects.exists()


def test_a_topic_is_of_a_unit_of_the_user(
    unit: BusinessUnit, child: BusinessUnit, sandbox: Sandbox
) -> None:
    client = person("marketer", unit)
    assert client.post(f"{PAGE}add/", FORM | {"unit": str(CHILD)}).status_code == 200
    assert not Topic.objects.exists()
    assert person("viewer", unit).get(f"{PAGE}add/").status_code == 403


def test_a_topic_cannot_be_deleted_while_requests_about_it_are_on_their_way(
    unit: BusinessUnit, sandbox: Sandbox, make_submission: MakeSubmission
) -> None:
    client = person("marketer", unit)
    add(client)
    one = Topic.objects.get()
    base = make_submission(1001)
    change = Change(kind=Kind.TOPIC_OFF, name="tips", value="False")
    store.write(
        Submission(token=base.token, context=base.context, channel=Channel.PROFILE, change=change)
    )
    assert client.post(f"{PAGE}{one.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(PAGE, {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"})
    assert Topic.objects.exists()


def test_two_topics_share_neither_their_place_nor_their_list(
    unit: BusinessUnit, sandbox: Sandbox
) -> None:
    client = person("marketer", unit)
    add(client, unsubscribes_list_id="7002")
    there = {"code": "others", "column": "tips", "unsubscribes_list_id": "7002"}
    answer = client.post(f"{PAGE}add/", FORM | there)
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"column", "unsubscribes_list_id"}
    # A topic may be saved again.
    one = Topic.objects.get()
    answer = client.post(f"{PAGE}{one.pk}/change/", FORM | {"unsubscribes_list_id": "7002"})
    assert answer.status_code == 302
