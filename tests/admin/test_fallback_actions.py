"""What a marketer can do with a refused unsubscribe beside trying it again as it is."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client

from tests.helpers import CHILD, PARENT, MakeSubmission, person, rewrite, settle
from unsub.domain.context import JobContext, Scope, SubscriberContext
from unsub.models import BusinessUnit, Kind, Status, SubscriberRequest
from unsub.outbox import store

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"
WITHOUT_EVENT, BY_ID = "unsubscribe_without_event", "try_again_by_id"
BOTH = SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001")


def refuse(request: SubscriberRequest) -> SubscriberRequest:
    """Return the request after Marketing Cloud has refused it."""
    own = SubscriberRequest.objects.filter(pk=request.pk)
    settle(own, Status.REFUSED, outcome="refused", error_code=400)
    request.refresh_from_db()
    return request


@pytest.fixture
def refused(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A refused unsubscribe from one list, by SubscriberID and SubscriberKey."""
    return refuse(store.write(make_submission(BOTH))[0])


def offered(client: Client, request: SubscriberRequest) -> set[str]:
    """Return the actions that the page of a request offers."""
    html = client.get(f"{LIST}{request.pk}/change/").content.decode()
    names = {WITHOUT_EVENT, BY_ID, "mark_handled"}
    found = {name for name in names if f'name="action" value="{name}"' in html}
    return found | ({"try_again"} if "/try-again/" in html else set())


def act(client: Client, action: str, *requests: SubscriberRequest) -> str:
    """Run an action, with its confirmation. Return the page after it."""
    data = {"action": action, "_selected_action": [one.pk for one in requests], "confirmed": "1"}
    return client.post(LIST, data, follow=True).content.decode()


@pytest.mark.parametrize(("action", "method"), [(WITHOUT_EVENT, "update"), (BY_ID, "event_by_id")])
def test_a_refused_unsubscribe_is_sent_in_another_way_and_that_is_logged(
    admin_client: Client, refused: SubscriberRequest, action: str, method: str
) -> None:
    data = {"action": action, "_selected_action": [refused.pk]}
    assert "1 " in admin_client.post(LIST, data).content.decode()
    refused.refresh_from_db()
    assert refused.status == Status.REFUSED
    assert "1 request queued for retry" in act(admin_client, action, refused)
    refused.refresh_from_db()
    assert (refused.status, refused.call_method) == (Status.PENDING, method)
    assert LogEntry.objects.get().object_id == str(refused.pk)


def test_a_page_offers_what_applies_to_its_request(
    admin_client: Client, refused: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    rest = {"try_again", "mark_handled"}
    assert offered(admin_client, refused) == rest | {WITHOUT_EVENT, BY_ID}
    BusinessUnit.objects.update(all_subscribers_list_id=7000)
    for more, found in (
        ({}, {WITHOUT_EVENT}),
        ({"job": JobContext(job_id=88001)}, set()),
        ({"scope": Scope.ALL, "job": 88001}, set()),
        ({"job": JobContext(job_id=88001, list_id=7000)}, set()),
    ):
        one = refuse(store.write(make_submission(1002, **more))[0])
        assert offered(admin_client, one) == rest | found, more
    own = SubscriberRequest.objects.filter(pk=refused.pk)
    for status, finished_at in ((Status.DONE, Now()), (Status.PENDING, None)):
        rewrite(own, status=status, attempts=1, finished_at=finished_at)
        assert offered(admin_client, refused) == set()
    rewrite(own, status=Status.REFUSED, finished_at=Now(), kind=Kind.SUBSCRIBE)
    assert offered(admin_client, refused) == rest


def test_an_action_leaves_alone_what_it_does_not_apply_to(
    admin_client: Client, refused: SubscriberRequest, make_submission: MakeSubmission
) -> None:
    job = refuse(store.write(make_submission(1002, job=JobContext(job_id=88001)))[0])
    data = {"action": WITHOUT_EVENT, "_selected_action": [refused.pk, job.pk]}
    asked = admin_client.post(LIST, data).content.decode()
    assert "Unsubscribe 1 subscriber from the list of their request" in asked
    assert "1 more won’t change" in asked
    act(admin_client, WITHOUT_EVENT, refused, job)
    job.refresh_from_db()
    assert (job.status, job.call_method) == (Status.REFUSED, "event")


def test_a_viewer_is_offered_nothing_and_can_do_nothing(
    unit: BusinessUnit, refused: SubscriberRequest
) -> None:
    client = person("viewer", unit)
    assert offered(client, refused) == set()
    for action in (WITHOUT_EVENT, BY_ID):
        act(client, action, refused)
    refused.refresh_from_db()
    assert refused.status == Status.REFUSED


def test_a_marketer_does_nothing_to_another_unit_s_request(
    unit: BusinessUnit, child: BusinessUnit, make_submission: MakeSubmission
) -> None:
    theirs = refuse(store.write(make_submission(BOTH, mid=CHILD, job=88101))[0])
    ours = refuse(store.write(make_submission(BOTH, mid=PARENT))[0])
    client = person("marketer", unit)
    for action in (WITHOUT_EVENT, BY_ID):
        act(client, action, theirs, ours)
        theirs.refresh_from_db()
        ours.refresh_from_db()
        assert (theirs.status, ours.status) == (Status.REFUSED, Status.PENDING)
        refuse(ours)
