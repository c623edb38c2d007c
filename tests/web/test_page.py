"""The unsubscribe page, its form, and the status page after it."""

import re
import time
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import (
    CHILD,
    FORM,
    PARENT,
    context,
    link,
    rewrite,
    rotate_digest_key,
    seen,
    settle,
)
from tests.plugins.cast import away
from unsub.domain.context import JobContext, Scope, SubscriberContext
from unsub.infra.spool_queue import SpoolQueue
from unsub.links.keyring import Keyring
from unsub.links.tokens import sign_link
from unsub.models import (
    BusinessUnit,
    Channel,
    Kind,
    MailingList,
    Reason,
    Status,
    SubscriberRequest,
)
from unsub.outbox import spool, store
from unsub.outbox.submission import Change, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_page_shows_brand_masked_subscriber_and_effect_and_writes_nothing(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    who = SubscriberContext(subscriber_id=1001, subscriber_key="ada@example.com")
    answer = client.get(link(settings, subscriber=who))
    words = seen(answer.content)
    assert answer.status_code == 200
    for text in ("Example Outfitters", "a•••@example.com", "from this mailing list", "(optional)"):
        assert text in words
    assert "ada@" not in answer.content.decode()
    assert not SubscriberRequest.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "You’ll no longer get emails from this mailing list."),
        ({"scope": Scope.ALL}, "You’ll no longer get marketing emails from Example Outfitters."),
        ({"job": None}, "You’ll no longer get marketing emails from Example Outfitters."),
    ],
)
def test_the_page_states_the_effect(
    client: Client, unit: BusinessUnit, settings: Settings, changes: dict[str, Any], words: str
) -> None:
    assert words in seen(client.get(link(settings, **changes)).content)


def test_the_form_stores_a_request_and_redirects_to_the_status_page(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    answer = client.post(path, FORM | {"reason": "other", "words": "too loud\x00 😀"})
    assert (answer.status_code, answer["Location"]) == (303, f"{path}/done")
    row = SubscriberRequest.objects.get()
    assert (row.channel, row.reason_text) == (Channel.PAGE, "Other reason: too loud 😀")
    assert "You’re unsubscribed" in seen(client.get(answer["Location"]).content)


def test_no_field_is_required(client: Client, unit: BusinessUnit, settings: Settings) -> None:
    assert client.post(link(settings), FORM).status_code == 303
    assert SubscriberRequest.objects.get().reason_text == ""


def test_an_unknown_reason_shows_the_form_again_with_all_input(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    answer = client.post(link(settings), FORM | {"reason": "made-up", "words": "my own words"})
    assert answer.status_code == 422
    assert "There is a problem" in seen(answer.content)
    assert b'value="my own words"' in answer.content
    assert b"<title>Error:" in answer.content
    assert not SubscriberRequest.objects.exists()


def test_a_unit_s_own_reasons_replace_the_common_ones(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    Reason.objects.create(unit=unit, code="season", label="Wrong season")
    words = seen(client.get(link(settings)).content)
    assert "Wrong season" in words
    assert "I get too many emails" not in words


def test_trailing_characters_after_the_token_are_ignored(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    for ending in (
        "/",
        "?utm_source=mail",
        "/?utm_source=mail",
        "&utm_source=mail",
        ">",
        ".",
        "%20",
    ):
        assert client.get(path + ending).status_code == 200, ending
    assert client.post(f"{path}/", FORM).status_code == 303


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_safe_methods_write_nothing(
    client: Client, unit: BusinessUnit, settings: Settings, method: str
) -> None:
    path = link(settings)
    for page in (path, f"{path}/done"):
        answer = getattr(client, method)(page, follow=True)
        assert answer.status_code in {200, 204}
    assert not SubscriberRequest.objects.exists()


def test_head_returns_the_headers_of_get_without_a_body(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    head, get = client.head(link(settings)), client.get(link(settings))
    assert head.status_code == get.status_code == 200
    assert head.headers.keys() == get.headers.keys()
    assert head.content == b""


def test_other_methods_are_not_allowed(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    for method in ("put", "delete", "patch"):
        answer = getattr(client, method)(link(settings))
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert client.get(f"{link(settings)}/undo").status_code == 405


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "%00", "%ff%fe", "..", "a" * 5000, "é", "%E2%80%AE", "a%2Fb"]
)
def test_a_bad_link_shows_a_page_that_says_so(
    client: Client, unit: BusinessUnit, token: str
) -> None:
    for answer in (client.get(f"/u/{token}"), client.post(f"/u/{token}", FORM)):
        assert answer.status_code == 404
        assert "This link" in seen(answer.content)
        assert "Open the link in the email again" in seen(answer.content)
    assert not SubscriberRequest.objects.exists()


def test_a_truncated_link_or_one_signed_with_another_key_is_refused(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    stranger = Keyring.from_json({"*": ["somebody-else-somebody-else-somebody"]})
    for path in (link(settings)[:-3], f"/u/{sign_link(context(), keys=stranger)}"):
        assert client.post(path).status_code == 404
    assert not SubscriberRequest.objects.exists()


def test_an_address_alone_is_refused_where_subscribers_are_identified_by_key(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings, subscriber=SubscriberContext(email_address="ada@example.com"))
    assert client.get(path).status_code == 404
    BusinessUnit.objects.update(subscriber_key_permission=False)
    assert client.get(path).status_code == 200


def test_an_unknown_unit_s_page_works_and_its_request_is_stored(
    client: Client, db: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    path = link(settings, mid=599_999)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "from this mailing list" in seen(answer.content)
    assert any(record.levelname == "ERROR" for record in caplog.records)
    assert client.post(path).status_code == 200
    assert SubscriberRequest.objects.get().unit_id == 599_999


def test_a_test_link_shows_the_page_and_records_nothing(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    for changes in (
        {"message_context": "PREVIEW"},
        {"job": None, "scope_is_explicit": True},
    ):
        path = link(settings, **changes)
        assert "This is a test link" in seen(client.get(path).content)
        answer = client.post(path, FORM)
        assert answer.status_code == 303
        assert "This was a test" in seen(client.get(answer["Location"]).content)
        assert b"test link" in client.post(path).content
    assert not SubscriberRequest.objects.exists()


def test_undo_withdraws_a_request_before_it_is_sent(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    assert "Undo" in seen(client.get(f"{path}/done").content)
    answer = client.post(f"{path}/undo")
    assert answer.status_code == 303
    assert "Your request was undone" in seen(client.get(answer["Location"]).content)
    assert SubscriberRequest.objects.get().status == Status.WITHDRAWN
    assert "already" not in seen(client.get(path).content)


def test_after_an_undo_nothing_is_called_unchanged_once_everything_was_left(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    undone = client.post(f"{path}/undo")["Location"]
    assert "Nothing has changed." in seen(client.get(undone).content)
    client.post(path, FORM | {"everything": "1"})
    # As with the button to reload the page, or in another tab.
    answer = client.get(undone, follow=True)
    assert "Nothing has changed." not in seen(answer.content)
    assert "You’ll no longer get marketing emails from" in seen(answer.content)
    client.post(f"{path}/undo?everything=1")
    assert "Nothing has changed." in seen(client.get(undone, follow=True).content)


def test_whoever_unsubscribes_again_after_an_undo_is_told_so_while_the_request_is_spooled(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    client.post(f"{path}/undo")
    with away():
        done = client.post(path, FORM)["Location"]
        assert "You’re unsubscribed" in seen(client.get(done).content)
    text = seen(client.get(done).content)
    assert "You’re unsubscribed" in text
    # The request that was withdrawn cannot be withdrawn once more.
    assert "Undo" not in text
    (row,) = spool.drain()
    assert row.status == Status.PENDING
    assert "You’re unsubscribed" in seen(client.get(done).content)


def test_an_undo_after_a_press_that_is_still_spooled_counts(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    with away():
        client.post(path, FORM)
    undone = client.post(f"{path}/undo")["Location"]
    for _ in range(2):
        assert "Your request was undone" in seen(client.get(undone).content)
        list(spool.drain())
    assert SubscriberRequest.objects.get().status == Status.WITHDRAWN


def test_a_first_request_is_known_while_it_is_spooled(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    with away():
        done = client.post(path, FORM)["Location"]
    rotate_digest_key(settings)
    assert "You’re unsubscribed" in seen(client.get(done).content)
    # Another link is not taken for it.
    assert client.get(f"{link(settings, 1002)}/done").status_code == 303


def test_subscribing_again_after_a_press_that_is_still_spooled_counts(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    with away():
        done = client.post(path, FORM)["Location"]
    again = Submission(
        token="", context=context().for_list(7001), channel=Channel.PROFILE,
        change=Change(kind=Kind.SUBSCRIBE),
    )  # fmt: skip
    store.write(again)
    assert client.get(done).status_code == 303
    list(spool.drain())
    assert client.get(done).status_code == 303


def test_where_everything_was_left_and_is_spooled_nothing_is_called_unchanged(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    undone = client.post(f"{path}/undo")["Location"]
    with away():
        client.post(path, FORM | {"everything": "1"})
    answer = client.get(undone, follow=True)
    assert "Nothing has changed." not in seen(answer.content)
    assert "You’ll no longer get marketing emails from" in seen(answer.content)


def test_without_a_broker_the_page_after_an_undo_says_what_is_stored(
    client: Client, unit: BusinessUnit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(settings)
    client.post(path, FORM)
    undone = client.post(f"{path}/undo")["Location"]
    gone = SpoolQueue(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    monkeypatch.setattr(spool, "_queue", gone)
    assert "Your request was undone" in seen(client.get(undone).content)


def test_undo_after_the_call_says_that_it_is_too_late(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    settle(SubscriberRequest.objects.all(), Status.DONE)
    assert "Undo" not in seen(client.get(f"{path}/done").content)
    answer = client.post(f"{path}/undo")
    assert "too late" in seen(client.get(answer["Location"]).content)
    assert SubscriberRequest.objects.get().status == Status.DONE


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.PENDING, "You’re unsubscribed"),
        (Status.REFUSED, "We’ve received your request"),
        (Status.DONE, "You unsubscribed on"),
    ],
)
def test_opening_the_link_again_shows_the_status_of_the_request(
    client: Client, unit: BusinessUnit, settings: Settings, status: str, words: str
) -> None:
    path = link(settings)
    client.post(path)
    if status != Status.PENDING:
        settle(SubscriberRequest.objects.all(), status)
    assert words in seen(client.get(path).content)


def test_after_a_day_the_page_offers_to_unsubscribe_again(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path)
    rewrite(SubscriberRequest.objects.all(), received_at=Now() - timedelta(days=30))
    settle(SubscriberRequest.objects.all(), Status.DONE)
    answer = client.get(path)
    assert "You unsubscribed on" in seen(answer.content)
    assert b'<button type="submit" class="go">' in answer.content
    client.post(path, FORM)
    assert SubscriberRequest.objects.count() == 2


def test_the_status_page_without_a_request_redirects_to_the_unsubscribe_page(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    assert client.get(f"{path}/done")["Location"] == path


def test_an_expired_link_still_unsubscribes(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert client.post(link(settings, expires_at=1)).status_code == 200
    assert SubscriberRequest.objects.count() == 1


def test_a_link_without_mid_works_with_a_single_unit(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    token = sign_link(context(), keys=settings.LINK_KEYRING)
    assert client.get(f"/u/{token}").status_code == 200
    assert BusinessUnit.objects.get().mid == PARENT


def test_a_list_without_a_job_has_the_scope_list(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings, job=JobContext(list_id=7001))
    assert "from this mailing list" in seen(client.get(path).content)


def test_choosing_everything_makes_a_request_for_everything(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    answer = client.post(path, FORM | {"everything": "1"})
    assert (answer.status_code, answer["Location"]) == (303, f"{path}/done?everything=1")
    assert SubscriberRequest.objects.get().scope == "all"
    assert "no longer get marketing emails" in seen(client.get(answer["Location"]).content)
    assert "no longer get marketing emails" in seen(client.get(path).content)
    undone = client.post(f"{path}/undo?everything=1")
    assert "Your request was undone" in seen(client.get(undone["Location"]).content)
    assert SubscriberRequest.objects.get().status == Status.WITHDRAWN


def test_a_test_link_cannot_be_made_a_real_one(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings, job=None, scope_is_explicit=True)
    assert b'name="everything"' not in client.get(path).content
    client.post(path, FORM | {"everything": "1"})
    client.post(f"{path}?everything=1")
    assert not SubscriberRequest.objects.exists()


def test_a_list_is_called_by_the_name_that_the_unit_gave_it(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly <offers>")
    answer = client.get(link(settings))
    assert "no longer get “ Weekly <offers> ” from Example Outfitters" in seen(answer.content)
    assert b"Weekly &lt;offers&gt;" in answer.content


@pytest.mark.parametrize(
    ("query", "header", "unit_language", "changes", "language", "direction"),
    [
        ("", "", "en", {}, "en", "ltr"),
        ("", "", "de", {}, "de", "ltr"),
        ("", "xx, fr-CA;q=0.9, de;q=0.5", "de", {}, "fr", "ltr"),
        ("", "fr", "de", {"language": "ar"}, "ar", "rtl"),
        ("", "zh-CN", "en", {}, "zh-hans", "ltr"),
        ("", "pt-BR", "en", {}, "pt-br", "ltr"),
        ("", "pt-PT", "en", {}, "pt", "ltr"),
        ("?lang=he", "fr", "de", {"language": "ar"}, "he", "rtl"),
        ("?lang=klingon", "fr", "de", {}, "fr", "ltr"),
        ("", "*;q=x, \x00", "en", {}, "en", "ltr"),
    ],
)
def test_the_page_is_in_the_reader_s_language(
    client: Client, unit: BusinessUnit, settings: Settings, query: str, header: str,
    unit_language: str, changes: dict[str, Any], language: str, direction: str,
) -> None:  # fmt: skip
    BusinessUnit.objects.update(language=unit_language)
    answer = client.get(link(settings, **changes) + query, headers={"accept-language": header})
    assert f'<html lang="{language}" dir="{direction}">' in answer.content.decode()


def test_a_chosen_language_is_kept_on_the_following_pages(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    page = client.get(f"{path}?lang=de")
    assert f'action="{path}?lang=de"' in page.content.decode()
    answer = client.post(f"{path}?lang=de", FORM)
    assert answer["Location"] == f"{path}/done?lang=de"
    assert "Sie sind abgemeldet" in seen(client.get(answer["Location"]).content)
    assert SubscriberRequest.objects.get().language == "de"


def test_the_status_page_never_reloads_under_its_reader(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM)
    waiting = client.get(f"{path}/done")
    settle(SubscriberRequest.objects.all(), Status.DONE)
    for answer in (waiting, client.get(f"{path}/done")):
        assert "Refresh" not in answer
        assert b"http-equiv" not in answer.content


def test_the_button_comes_before_the_reasons_in_the_same_form(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    html = client.get(link(settings)).content.decode()
    form = html.partition("<form")[2].partition("</form>")[0]
    assert form.index('class="go"') < form.index('name="everything"') < form.index('name="reason"')
    assert html.index("<h1>") < html.index('class="go"')
    assert html.count('name="reason"') == 6
    for words in ("I no longer want these emails", "I never signed up for these emails"):
        assert words in form


def test_a_unit_can_ask_for_reasons_after_the_press_only(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    BusinessUnit.objects.update(reasons_asked="after")
    path = link(settings)
    assert 'name="reason"' not in client.get(path).content.decode()
    answer = client.post(path, FORM)
    assert 'name="reason"' in client.get(answer["Location"]).content.decode()


def test_the_page_offers_fewer_emails_and_a_pause_below_the_button(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert "Get fewer emails" not in seen(client.get(link(settings)).content)
    unit.profile_centre = unit.pause_offered = True
    unit.pause_end_action = "put_back"
    unit.save()
    html = client.get(link(settings)).content.decode()
    assert html.index('class="go"') < html.index("Get fewer emails instead")
    assert '#pause"><b>Pause emails</b>' in html


def undo_words(client: Client, path: str) -> str:
    """Return what the status page says about undoing."""
    html = client.get(f"{path}/done").content.decode()
    return seen(html.partition('<form class="undo"')[2].partition("</form>")[0].encode())


def test_the_time_to_undo_is_shown_in_the_unit_s_zone(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 120
    BusinessUnit.objects.update(time_zone="Asia/Tokyo")
    path = link(settings)
    client.post(path, FORM)
    ends = SubscriberRequest.objects.get().next_attempt_at.astimezone(ZoneInfo("Asia/Tokyo"))
    there = f"{path}/done?lang=ja"
    assert f'<time datetime="{ends:%Y-%m-%dT%H:%M}+09:00">' in client.get(there).content.decode()
    assert "(JST)" in undo_words(client, path)


@pytest.mark.parametrize("seconds", [1, 30, 119])
def test_a_short_time_to_undo_is_shown_in_seconds(
    client: Client, unit: BusinessUnit, settings: Settings, seconds: int
) -> None:
    settings.UNDO_SECONDS = 3600
    path = link(settings)
    client.post(path, FORM)
    request = SubscriberRequest.objects.get()
    # As received with a short window, which has not ended yet.
    rewrite(
        SubscriberRequest.objects.all(),
        received_at=request.next_attempt_at - timedelta(seconds=seconds),
    )
    assert f"within {seconds} second" in undo_words(client, path)


def test_what_was_not_sent_yet_can_be_undone_after_its_time_too(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 0
    path = link(settings)
    client.post(path, FORM)
    words = undo_words(client, path)
    assert "Changed your mind?" in words
    assert "until" not in words
    assert "too late" not in seen(client.get(f"{path}/done?late=1").content)


@pytest.mark.parametrize("everything", ["", "1"])
def test_whoever_presses_undo_too_late_can_resubscribe_there(
    client: Client, unit: BusinessUnit, settings: Settings, everything: str
) -> None:
    BusinessUnit.objects.update(profile_centre=True)
    path = link(settings, issued_at=int(time.time()))
    done = client.post(path, FORM | ({"everything": "1"} if everything else {}))["Location"]
    settle(SubscriberRequest.objects.all(), Status.DONE)
    undo = done.replace("/done", "/undo")
    html = client.get(client.post(undo)["Location"]).content.decode()
    assert "It’s too late to undo. You can resubscribe instead." in seen(html.encode())
    assert "By subscribing, you agree" in html
    form = html.partition(f'action="{path.replace("/u/", "/p/", 1)}')[2].partition("</form>")[0]
    given = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert client.post(path.replace("/u/", "/p/", 1), given).status_code == 303
    kind, target = ("resubscribe", "everything") if everything else ("subscribe", "list:7001")
    newest = SubscriberRequest.objects.latest("pk")
    assert (newest.kind, str(newest.target)) == (kind, target)
    assert newest.consent_text
    assert newest.consent_text.text.startswith("By subscribing, you agree")


def test_resubscribing_is_not_offered_by_a_link_that_opens_no_preferences(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    BusinessUnit.objects.update(contact_email="post@example.com")
    path = link(settings)
    client.post(path, FORM)
    settle(SubscriberRequest.objects.all(), Status.DONE)
    words = seen(client.get(f"{path}/done?late=1").content)
    assert "Resubscribe" not in words
    assert "To get these emails again, email post@example.com" in words
    unit.profile_centre = True
    unit.save()
    # The link does not say when it was made, so that it opens no preferences.
    assert b"Resubscribe" not in client.get(f"{path}/done").content


def test_a_bad_link_shows_the_only_brand_and_its_contact_address(
    client: Client, unit: BusinessUnit
) -> None:
    BusinessUnit.objects.update(contact_email="post@example.com", language="de")
    words = seen(client.get("/u/cut").content)
    assert "Example Outfitters" in words
    assert "post@example.com" in words
    assert "Dieser Link ist unvollständig" in words
    BusinessUnit.objects.create(mid=CHILD, name="Example Kids")
    assert "Example" not in seen(client.get("/u/cut").content).replace("example.com", "")


def test_an_unknown_unit_is_no_error_where_it_is_the_token_s_own(
    client: Client, db: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert settings.SFMC_ACCOUNT_ID == PARENT
    assert client.get(link(settings)).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_brand_s_colour_is_used_in_light_and_dark_mode(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    BusinessUnit.objects.update(accent="#8b1e3f")
    html = client.get(link(settings)).content.decode()
    assert "--act:#8b1e3f;" in html
    assert html.count("--act-ink:") == 4


@pytest.mark.parametrize(
    ("colour", "message"),
    [("red", "Enter a color"), ("#ffff00", "Try #"), ("#8B1E3F", "Enter a")],
)
def test_an_unreadable_colour_is_refused_with_the_nearest_readable_one(
    unit: BusinessUnit, colour: str, message: str
) -> None:
    unit.accent = colour
    with pytest.raises(ValidationError, match=message):
        unit.full_clean()
