"""Each sentence on a page is shown in the state that makes it true, and in no other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import redis
from django.core.cache import cache
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import CHILD, FORM, context, link, rewrite, seen
from unsub.delivery import sweep
from unsub.domain.context import JobContext, Scope
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import BusinessUnit, MailingList, Pause, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox import pauses, spool
from unsub.outbox.submission import Submission
from unsub.preferences.limits import CHANGES
from unsub.sandbox import Sandbox

from .helpers import deliver, mailed_link, path, save, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """A subscriber of the sandbox with the link of one email: what they do, and what they see."""

    client: Client
    settings: Settings
    sandbox: Sandbox

    def unit(self, **changes: object) -> None:
        """Change the unit's settings."""
        BusinessUnit.objects.exclude(mid=CHILD).update(**changes)

    def see(self, there: str) -> HttpResponse:
        """Return the page, read from Marketing Cloud anew."""
        cache.clear()
        return self.client.get(there)  # type: ignore[return-value]

    def page(self, **changes: object) -> HttpResponse:
        """Return the unsubscribe page."""
        return self.see(link(self.settings, **changes))  # type: ignore[arg-type]

    def unsubscribe(self, **choices: str) -> HttpResponse:
        """Press the button of the unsubscribe page, and return the page after it."""
        answer = self.client.post(link(self.settings), FORM | choices)
        return self.client.get(answer["Location"])  # type: ignore[return-value]

    def centre(self) -> HttpResponse:
        """Return the profile centre."""
        return self.see(path(self.settings))

    def save(self, **choices: tuple[str, ...]) -> None:
        """Save the profile centre with these lists ticked (`join`) or unticked (`leave`)."""
        cache.clear()
        save(self.client, path(self.settings), **choices)  # type: ignore[arg-type]

    def resubscribe(self) -> HttpResponse:
        """Press "Subscribe again", and return the page after it."""
        of = snapshot_of(self.centre().content)
        self.client.post(path(self.settings), {"snapshot": of, "again": "1"})
        return self.centre()

    def pause(self, what: str = "7001") -> None:
        """Begin a pause."""
        of = snapshot_of(self.centre().content)
        form = {"snapshot": of, "what": what, "days": "30"}
        self.client.post(f"{path(self.settings)}/pause", form)

    def end_pause(self) -> None:
        """Press the button that ends the pause."""
        number = Pause.objects.get().pk
        self.client.post(f"{path(self.settings)}/pause", {"end": str(number)})

    def age(self, **time: float) -> None:
        """Let time pass for all requests."""
        earlier = F("received_at") - timedelta(**time)
        rewrite(SubscriberRequest.objects.all(), received_at=earlier)


@pytest.fixture
def stage(client: Client, settings: Settings, sandbox: Sandbox, unit: BusinessUnit) -> Stage:
    """A unit that offers everything, whose pauses end by asking."""
    cache.clear()
    found = Stage(client, settings, sandbox)
    found.unit(
        profile_centre=True,
        protects_details=False,
        pause_offered=True,
        ask_back_key="ask-back",
        new_link_key="new-link",
    )
    return found


BUTTON = '<button type="submit" class="go">Unsubscribe</button>'
EVERYTHING_TOO = 'name="everything"'
MARKETING = "You’ll no longer get marketing emails from Example Outfitters."
ORDERS = "You may still get emails about orders or your account."
THIS_LIST = "You’ll no longer get emails from this mailing list."
OTHERS_STAY = "Your other mailing lists don’t change."
SISTERS_COVERED = "This also covers our other brands."
SISTERS_SPARED = "You may still get marketing emails from our other brands."
ALREADY = "You unsubscribed on"
ONCE_MORE = "If you still get these emails, unsubscribe again."
STILL_SENT = "Emails already on their way can still arrive"
LATE = "This is taking longer than usual."
UNDONE = "Your request was undone"
TOO_LATE = "It’s too late to undo. You can resubscribe instead."
CHOOSE_NOW = "You can get marketing emails from Example Outfitters again. Now choose"
CHECK_INBOX = "Check your inbox and follow the link to confirm."
WAITS = "Waiting for you to confirm"
SILENCE = "If you do nothing, you stay unsubscribed."
THEN_AGAIN = "After that, your emails start again automatically."
NOTHING_SAVED = "Nothing was saved."
SOME_SAVED = "Only some of your changes were saved."
LINK_WORKS = "Your link still works"
RECORD = "We keep a record that you unsubscribed"

ALL_SUBSCRIBERS = JobContext(job_id=88002, list_id=7000, batch_id=0)


def all_subscribers_in_settings(stage: Stage) -> HttpResponse:
    stage.unit(all_subscribers_list_id=7000)
    return stage.page(job=ALL_SUBSCRIBERS)


def all_subscribers_as_read(stage: Stage) -> HttpResponse:
    stage.unit(found_all_subscribers_list_id=7000)
    return stage.page(job=ALL_SUBSCRIBERS)


def another_list(stage: Stage) -> HttpResponse:
    stage.unit(found_all_subscribers_list_id=7000)
    return stage.page()


def a_job_alone(stage: Stage) -> HttpResponse:
    stage.unit(found_all_subscribers_list_id=7000)
    return stage.page(job=JobContext(job_id=88002))


def a_named_list(stage: Stage) -> HttpResponse:
    MailingList.objects.create(unit_id=510001, list_id=7001, name="Weekly offers")
    return stage.page()


def everything_of_one_brand(stage: Stage) -> HttpResponse:
    return stage.page(scope=Scope.ALL)


def everything_of_all_brands(stage: Stage) -> HttpResponse:
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    return stage.page(scope=Scope.ALL)


def everything_of_this_unit(stage: Stage) -> HttpResponse:
    stage.unit(unsubscribe_reach="unit")
    return stage.page(scope=Scope.ALL)


def a_list_among_brands(stage: Stage) -> HttpResponse:
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    return stage.page()


def just_unsubscribed(stage: Stage) -> HttpResponse:
    return stage.unsubscribe()


def unsubscribed_from_everything(stage: Stage) -> HttpResponse:
    return stage.unsubscribe(everything="1")


def unsubscribed_three_days_ago_and_not_sent(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    stage.age(days=3)
    return stage.see(f"{link(stage.settings)}/done")


def unsubscribed(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    deliver()
    return stage.page()


def unsubscribed_two_days_ago(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    deliver()
    stage.age(days=2)
    return stage.page()


def refused_two_days_ago(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    SubscriberRequest.objects.update(status="refused", finished_at=Now())
    stage.age(days=2)
    return stage.page()


def subscribed_again(stage: Stage) -> HttpResponse:
    stage.unsubscribe(everything="1")
    deliver()
    stage.resubscribe()
    deliver()
    return stage.page()


def subscribing_again_before_it_was_sent(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    stage.save(join=("7001",))
    return stage.page()


def ticked_again_and_not_confirmed(stage: Stage) -> HttpResponse:
    stage.unit(confirm_key="confirm-subscription")
    stage.unsubscribe()
    deliver()
    stage.save(join=("7001",))
    deliver()
    return stage.page()


def ticked_again_and_confirmed(stage: Stage) -> HttpResponse:
    ticked_again_and_not_confirmed(stage)
    stage.client.post(mailed_link(stage.sandbox))
    return stage.page()


def pause_ended(stage: Stage) -> HttpResponse:
    stage.pause()
    deliver()
    stage.end_pause()
    return stage.page()


def pause_over(stage: Stage) -> HttpResponse:
    stage.unit(pause_end_action="put_back")
    stage.pause("all")
    deliver()
    Pause.objects.update(until=Now())
    list(pauses.end_due())
    return stage.page()


def done_page_of_somebody_who_came_back(stage: Stage) -> HttpResponse:
    subscribed_again(stage)
    return stage.client.get(f"{link(stage.settings)}/done?everything=1", follow=True)  # type: ignore[return-value]


def undone_twice(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    stage.client.post(f"{link(stage.settings)}/undo")
    answer = stage.client.post(f"{link(stage.settings)}/undo")
    return stage.client.get(answer["Location"])  # type: ignore[return-value]


def undone_too_late(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    deliver()
    answer = stage.client.post(f"{link(stage.settings)}/undo")
    return stage.client.get(answer["Location"])  # type: ignore[return-value]


def confirmation_of_a_list(stage: Stage) -> HttpResponse:
    stage.unit(confirm_key="confirm-subscription")
    stage.save(join=("7004",))
    deliver()
    stage.client.post(mailed_link(stage.sandbox))
    return stage.client.get(mailed_link(stage.sandbox))  # type: ignore[return-value]


def confirmation_of_a_list_left_since(stage: Stage) -> HttpResponse:
    confirmation_of_a_list(stage)
    stage.save(leave=("7004",))
    return stage.see(mailed_link(stage.sandbox))


def confirming_to_subscribe_again(stage: Stage) -> HttpResponse:
    stage.unit(confirm_key="confirm-subscription")
    stage.unsubscribe(everything="1")
    deliver()
    stage.resubscribe()
    deliver()
    return stage.see(mailed_link(stage.sandbox))


def confirmed_to_subscribe_again(stage: Stage) -> HttpResponse:
    confirming_to_subscribe_again(stage)
    return stage.client.post(mailed_link(stage.sandbox))  # type: ignore[return-value]


def centre_after_subscribing_again(stage: Stage) -> HttpResponse:
    stage.unsubscribe(everything="1")
    deliver()
    return stage.resubscribe()


def centre_after_unticking_a_list(stage: Stage) -> HttpResponse:
    stage.save(leave=("7001",))
    return stage.centre()


def centre_of_somebody_away(stage: Stage) -> HttpResponse:
    stage.unsubscribe(everything="1")
    deliver()
    return stage.centre()


def centre_of_a_subscriber(stage: Stage) -> HttpResponse:
    return stage.centre()


def centre_without_public_lists(stage: Stage) -> HttpResponse:
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids", profile_centre=True)
    lists = stage.sandbox._server.service.memory.lists
    lists[7101] = replace(lists[7101], public=False)
    return stage.see(path(stage.settings, mid=CHILD, job=88101))


def waiting_for_confirmation(stage: Stage) -> HttpResponse:
    stage.unit(confirm_key="confirm-subscription")
    stage.save(join=("7004",))
    return stage.centre()


def waiting_and_then_paused(stage: Stage) -> HttpResponse:
    waiting_for_confirmation(stage)
    deliver()
    stage.pause("all")
    return stage.centre()


def waiting_paused_and_back(stage: Stage) -> HttpResponse:
    waiting_and_then_paused(stage)
    deliver()
    stage.end_pause()
    deliver()
    return stage.centre()


def pauses_that_put_back(stage: Stage) -> HttpResponse:
    stage.unit(pause_end_action="put_back")
    return stage.centre()


def own_data(stage: Stage) -> HttpResponse:
    return stage.see(f"{path(stage.settings)}/yours")


def own_data_after_an_unsubscribe(stage: Stage) -> HttpResponse:
    stage.unsubscribe()
    return own_data(stage)


def own_data_after_a_confirmation_email(stage: Stage) -> HttpResponse:
    waiting_for_confirmation(stage)
    deliver()
    return own_data(stage)


def own_data_after_a_new_link(stage: Stage) -> HttpResponse:
    stage.client.post(f"{path(stage.settings)}/new-link")
    return own_data(stage)


def own_data_with_an_expired_request(stage: Stage) -> HttpResponse:
    waiting_for_confirmation(stage)
    stage.age(days=8)
    sweep.sweep()
    return own_data(stage)


def own_data_after_a_change_of_format(stage: Stage) -> HttpResponse:
    there = f"{path(stage.settings)}/details"
    of = snapshot_of(stage.see(there).content)
    stage.client.post(there, {"snapshot": of, "format": "Text"})
    return own_data(stage)


def own_data_after_asking_for_erasure(stage: Stage) -> HttpResponse:
    stage.client.post(f"{path(stage.settings)}/erase")
    return own_data(stage)


def too_many_changes(stage: Stage) -> HttpResponse:
    there = path(stage.settings)
    for _ in range(CHANGES):
        stage.client.post(there, {"snapshot": "x"})
    answer = stage.client.post(there, {"snapshot": "x"})
    assert (answer.status_code, int(answer["Retry-After"]) // 60) in {(429, 59), (429, 60)}
    return answer  # type: ignore[return-value]


def a_bad_link(stage: Stage) -> HttpResponse:
    stage.unit(contact_email="post@example.com")
    return stage.see("/u/x")


def a_bad_link_of_a_sender_without_an_address(stage: Stage) -> HttpResponse:
    return stage.see("/u/x")


def a_bad_link_with_the_form(stage: Stage) -> HttpResponse:
    stage.unit(lost_link_form=True)
    return stage.see("/u/x")


State = Callable[[Stage], HttpResponse]
TABLE: tuple[tuple[State, tuple[str, ...], tuple[str, ...]], ...] = (
    (all_subscribers_in_settings, (MARKETING, ORDERS), (THIS_LIST, OTHERS_STAY, EVERYTHING_TOO)),
    (all_subscribers_as_read, (MARKETING, ORDERS), (THIS_LIST, OTHERS_STAY, EVERYTHING_TOO)),
    (another_list, (THIS_LIST, OTHERS_STAY, EVERYTHING_TOO), (MARKETING, ORDERS)),
    (a_job_alone, (THIS_LIST,), (OTHERS_STAY, MARKETING)),
    (a_named_list, ("“ Weekly offers ” from Example Outfitters",), (OTHERS_STAY, THIS_LIST)),
    (everything_of_one_brand, (MARKETING, ORDERS), (SISTERS_COVERED, SISTERS_SPARED)),
    (everything_of_all_brands, (MARKETING, SISTERS_COVERED), (SISTERS_SPARED,)),
    (everything_of_this_unit, (MARKETING, SISTERS_SPARED), (SISTERS_COVERED,)),
    (a_list_among_brands, (THIS_LIST,), (SISTERS_COVERED, SISTERS_SPARED)),
    (just_unsubscribed, (THIS_LIST, STILL_SENT), (LATE, MARKETING, ALREADY)),
    (unsubscribed_from_everything, (MARKETING, ORDERS, STILL_SENT), (THIS_LIST,)),
    (unsubscribed_three_days_ago_and_not_sent, (LATE,), (STILL_SENT,)),
    (unsubscribed, (ALREADY, STILL_SENT), (BUTTON, LATE)),
    (unsubscribed_two_days_ago, (ALREADY, ONCE_MORE, BUTTON), ()),
    (refused_two_days_ago, (BUTTON,), (ALREADY, ONCE_MORE)),
    (subscribed_again, (BUTTON,), (ALREADY,)),
    (subscribing_again_before_it_was_sent, (BUTTON,), (ALREADY,)),
    (ticked_again_and_not_confirmed, (ALREADY,), (BUTTON,)),
    (ticked_again_and_confirmed, (BUTTON,), (ALREADY,)),
    (pause_ended, (BUTTON,), (ALREADY,)),
    (pause_over, (BUTTON,), (ALREADY,)),
    (done_page_of_somebody_who_came_back, (BUTTON,), (ALREADY, "You’re unsubscribed")),
    (undone_twice, (UNDONE, "Nothing has changed."), (TOO_LATE, "still subscribed", STILL_SENT)),
    (undone_too_late, (TOO_LATE, "You’re unsubscribed"), (UNDONE,)),
    (confirmation_of_a_list, ("You’re now subscribed to “ Events near you ”.",), (CHOOSE_NOW,)),
    (confirmation_of_a_list_left_since, ("This link is no longer valid",), ("now subscribed",)),
    (
        confirming_to_subscribe_again,
        ("Confirm that you want marketing emails from Example Outfitters again.",),
        ("Weekly offers", CHOOSE_NOW),
    ),
    (
        confirmed_to_subscribe_again,
        (CHOOSE_NOW, "Email preferences"),
        ("Weekly offers", "You’re now"),
    ),
    (centre_after_subscribing_again, (CHOOSE_NOW,), ("You’re unsubscribed", STILL_SENT)),
    (centre_after_unticking_a_list, (STILL_SENT, "Unsubscribing"), (CHOOSE_NOW,)),
    (
        centre_of_somebody_away,
        ("You’re unsubscribed from all marketing emails from Example Outfitters.", ORDERS),
        (CHOOSE_NOW, "of any kind"),
    ),
    (centre_of_a_subscriber, (SILENCE,), (CHOOSE_NOW, THEN_AGAIN, CHECK_INBOX)),
    (centre_without_public_lists, ("There are no mailing lists to choose from",), ("on no list",)),
    (waiting_for_confirmation, (CHECK_INBOX, WAITS), ()),
    (waiting_and_then_paused, (), (CHECK_INBOX, WAITS)),
    (waiting_paused_and_back, (), (CHECK_INBOX, WAITS)),
    (pauses_that_put_back, (THEN_AGAIN,), (SILENCE,)),
    (
        own_data,
        ("Email address a•••@example.com", "Email format HTML (with images)"),
        (RECORD, "Everything that is held"),
    ),
    (own_data_after_an_unsubscribe, (RECORD,), ("No requests yet.",)),
    (own_data_after_a_confirmation_email, ("Subscribe: ",), ("New link by email", RECORD)),
    (own_data_after_a_new_link, ("New link by email",), ()),
    (own_data_with_an_expired_request, ("Not confirmed in time",), ("Undone", WAITS)),
    (own_data_after_a_change_of_format, ("Change of “Email format”", "Plain text"), ()),
    (
        own_data_after_asking_for_erasure,
        ("We’ve received your deletion request.",),
        ("Delete your data",),
    ),
    (too_many_changes, ("try again in:",), ()),
    (a_bad_link, ("Open the link in the email again", "post@example.com"), ("reply",)),
    (a_bad_link_of_a_sender_without_an_address, ("You can also reply to the email",), ()),
    (a_bad_link_with_the_form, ("No working link?", "Send request"), ("reply",)),
)


@pytest.mark.parametrize(
    ("state", "shown", "hidden"), TABLE, ids=[state.__name__ for state, _, _ in TABLE]
)
def test_a_sentence_is_shown_where_it_is_true_alone(
    stage: Stage, state: State, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    html = state(stage).content
    page = f"{seen(html)} {html.decode()}"
    assert [one for one in shown if one not in page] == []
    assert [one for one in hidden if one in page] == []


@pytest.fixture
def everything_away(database_away: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the database nor the broker answers."""
    monkeypatch.setattr(
        spool, "_queue", SpoolQueue(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    )


def test_an_unavailable_page_speaks_of_saving_where_something_was_to_be_saved(
    client: Client, settings: Settings, sandbox: Sandbox, everything_away: None
) -> None:
    there = link(settings)
    posted = client.post(there, FORM)
    opened = client.get(f"{path(settings)}/yours")
    lost = client.post("/lost-link", {"email_address": "ada@example.com"})
    for answer in (posted, opened, lost):
        assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    told = [
        [one for one in (NOTHING_SAVED, SOME_SAVED, LINK_WORKS) if one in seen(answer.content)]
        for answer in (posted, opened, lost)
    ]
    assert told == [[NOTHING_SAVED, LINK_WORKS], [LINK_WORKS], [NOTHING_SAVED]]


def test_where_some_changes_were_saved_the_page_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = stage.centre().content
    submit, taken = outbox.submit, list[Submission]()

    def first_alone(submission: Submission) -> SubscriberRequest | None:
        if taken:
            raise outbox.UnavailableError
        taken.append(submission)
        return submit(submission)

    monkeypatch.setattr(outbox, "submit", first_alone)
    answer = save(stage.client, path(stage.settings), leave=("7001", "7002"), page=page)
    assert (answer.status_code, SubscriberRequest.objects.count()) == (503, 1)
    assert SOME_SAVED in seen(answer.content)
    assert NOTHING_SAVED not in seen(answer.content)


@pytest.mark.parametrize(
    "state",
    [subscribed_again, subscribing_again_before_it_was_sent, ticked_again_and_confirmed,
     pause_ended, pause_over],
)  # fmt: skip
def test_whoever_came_back_can_unsubscribe_again(stage: Stage, state: State) -> None:
    state(stage)
    before = SubscriberRequest.objects.filter(kind="unsubscribe").count()
    stage.unsubscribe()
    deliver()
    deliver()
    rows = SubscriberRequest.objects.filter(kind="unsubscribe")
    assert rows.count() == before + 1
    newest = rows.latest("received_at")
    assert (newest.status, newest.channel) == ("done", "page")
    assert stage.sandbox.person(1001)["lists"][7001] == "Unsubscribed"
    assert ALREADY in seen(stage.page().content)


def test_a_link_with_the_all_subscribers_list_is_recorded_as_everything(stage: Stage) -> None:
    stage.unit(found_all_subscribers_list_id=7000)
    found = context(job=ALL_SUBSCRIBERS)
    there = link(stage.settings, job=ALL_SUBSCRIBERS)
    stage.client.post(there)
    deliver()
    (row,) = SubscriberRequest.objects.all()
    # The call is as the link says; what it does is known.
    assert (row.scope, row.list_id, str(row.target)) == ("list", 7000, "everything")
    assert found.job == row.job
    assert stage.sandbox.person(1001)["status"] == "Unsubscribed"
    (event,) = stage.sandbox.events()
    assert event["list_id"] == 7000
    assert ALREADY in seen(stage.see(there).content)


def test_a_pause_is_of_the_email_s_list_unless_something_else_is_chosen(stage: Stage) -> None:
    html = stage.centre().content.decode()
    assert '<option value="7001" selected>' in html
    assert html.index('value="7001" selected') < html.index('<option value="all">')
    # Where that list is not received, nothing is preselected.
    stage.unsubscribe()
    deliver()
    html = stage.centre().content.decode()
    assert "selected>" not in html
    assert '<option value="">—</option>' in html


@pytest.mark.parametrize("what", ["7001", "all"])
def test_a_pause_can_be_undone_before_it_is_sent(stage: Stage, what: str) -> None:
    stage.settings.UNDO_SECONDS = 60
    stage.pause(what)
    deliver()
    assert "Undo" in seen(stage.centre().content)
    stage.end_pause()
    deliver()
    row = SubscriberRequest.objects.get()
    assert (row.status, row.attempts, Pause.objects.get().result) == ("withdrawn", 0, "cancelled")
    assert not stage.sandbox.events()
    assert "Paused until" not in seen(stage.centre().content)


def test_everything_in_the_profile_centre_can_be_undone(stage: Stage) -> None:
    stage.settings.UNDO_SECONDS = 60
    answer = stage.client.post(path(stage.settings), {"everything": "1"})
    deliver()
    done = stage.client.get(answer["Location"])
    assert "Undo" in seen(done.content)
    stage.client.post(f"{path(stage.settings)}/undo?everything=1".replace("/p/", "/u/", 1))
    assert SubscriberRequest.objects.get().status == "withdrawn"


def test_a_confirmation_email_whose_link_would_confirm_nothing_is_not_sent(stage: Stage) -> None:
    waiting_for_confirmation(stage)
    stage.pause("all")
    deliver()
    assert stage.sandbox.mails() == []


def test_the_email_that_confirms_subscribing_again_names_the_brand(stage: Stage) -> None:
    confirming_to_subscribe_again(stage)
    attributes = dict(stage.sandbox.mails()[-1]["attributes"])
    assert attributes["ProfileCentreAbout"] == "Example Outfitters"


def test_the_link_after_subscribing_again_opens_the_profile_centre(stage: Stage) -> None:
    html = confirmed_to_subscribe_again(stage).content.decode()
    there = html.partition('<a href="/p/')[2].partition('"')[0]
    assert "Weekly offers" in seen(stage.see(f"/p/{there}").content)
