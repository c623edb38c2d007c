"""The links on the sandbox's page: the snippet's own claims, and what each link does."""

import json
from typing import Any

import pytest
import requests
from pytest_django.fixtures import Settings

from unsub.links.keyring import Keyring
from unsub.links.tokens import read_link
from unsub.management.commands import sandbox as command
from unsub.management.sample_links import ODD_SUBSCRIBERS, SampleLink, Verdict, sample_links
from unsub.sandbox import Sandbox
from unsub.sandbox.world.errors import RuleError
from unsub.sandbox.world.sample import PARENT, sample_strangers, sample_subscribers

KEYS = Keyring.from_json({"*": ["k" * 40]})
ADDRESS = "https://mail.example.com"
LINKS = sample_links(address=ADDRESS, mid=PARENT, keys=KEYS)


def find(case: str, group: str = "") -> SampleLink:
    """Return the link of a situation in the section that starts with `group`."""
    (found,) = [one for one in LINKS if one.case == case and one.group.startswith(group)]
    return found


def context(row: SampleLink) -> Any:
    """Return what the web service reads in a link."""
    return read_link(row.url.removeprefix(f"{ADDRESS}/u/"), keys=KEYS, default_mid=None)


def test_the_claims_are_those_of_the_snippet() -> None:
    assert json.loads(find("SEND").claims) == {
        "mid": str(PARENT), "sid": "1001", "sk": "ada-1001", "jid": "88002", "lid": "7001",
        "bid": "0", "ctx": "SEND", "scope": "list", "v": "1",
    }  # fmt: skip
    assert context(find("SEND")).job.job_id == 88002


def test_only_previews_and_emails_that_were_not_rendered_are_tests() -> None:
    tests = {one.case for one in LINKS if one.verdict is Verdict.TEST}
    assert {"PREVIEW", "VALIDATION", "preview", "%%jobid%%"} < tests
    people = {"SEND", "VAWP", "FTAF", "LINKRESOLUTION", "LANDINGPAGE", "empty", "SEND\N{OPEN BOX}"}
    assert not people & tests
    assert people < {one.case for one in LINKS if one.verdict is Verdict.WORKS}


@pytest.mark.parametrize("key", ODD_SUBSCRIBERS.values())
def test_the_snippet_keeps_every_subscriber_key(key: str) -> None:
    row = find(key, "SubscriberKeys")
    assert context(row).subscriber.subscriber_key == key
    assert row.verdict is Verdict.WORKS


def test_without_its_replace_some_keys_break_the_link() -> None:
    broken = {x.case for x in LINKS if "mistake" in x.group and x.verdict is Verdict.FAILS}
    assert broken == {'Ada "the first"', "DOMAIN\\ada", 'ends with \\"', 'x","scope":"all'}


def test_the_all_subscribers_list_is_everything() -> None:
    assert "from everything" in find("the All Subscribers list, scope list").effect
    assert "from this list" in find("a publication list, scope list").effect
    assert "from everything" in find("a publication list, scope all").effect
    assert find("no list and no job, scope list").verdict is Verdict.TEST


@pytest.mark.parametrize("row", LINKS, ids=lambda row: f"{row.group[:20]} {row.case[:30]}")
def test_the_sandbox_accepts_the_call_of_each_link_that_works(row: SampleLink) -> None:
    people = (*sample_subscribers(5), *sample_strangers(ODD_SUBSCRIBERS))
    if not row.call:
        return
    parameters = dict(context(row).parameters(all_subscribers_list_id=None))
    assert row.call == ", ".join(f"{name} {value}" for name, value in parameters.items())
    with Sandbox(subscribers=people) as sandbox:
        if row.verdict is Verdict.WORKS:
            sandbox.memory.log_unsub_event(PARENT, parameters)
        else:
            with pytest.raises(RuleError):
                sandbox.memory.log_unsub_event(PARENT, parameters)


def test_the_page_shows_each_link_and_escapes_its_claims() -> None:
    with Sandbox() as sandbox:
        assert "No links" in requests.get(f"{sandbox.url}links", timeout=10).text
        sandbox.show_links(LINKS)
        page = requests.get(f"{sandbox.url}links", timeout=10).text
        assert 'href="/links"' in requests.get(sandbox.url, timeout=10).text
    assert page.count(f'href="{ADDRESS}/u/') == len(LINKS)
    assert "with blanks and &amp; &lt; &gt;" in page
    assert "& < >" not in page
    for verdict in Verdict:
        assert f">{verdict.value}</span>" in page


@pytest.mark.parametrize(
    ("keys", "auth_url", "why"),
    [
        (Keyring(), "http://127.0.0.1:8025", "without LINK_KEYS"),
        (KEYS, "https://example.auth.example.com", "calls Marketing Cloud itself"),
        (Keyring.from_json({"7": ["k" * 40]}), "http://127.0.0.1:8025", "no key in LINK_KEYS"),
    ],
)
def test_no_link_is_shown_where_none_can_be_made_or_it_would_be_real(
    settings: Settings, keys: Keyring, auth_url: str, why: str
) -> None:
    settings.LINK_KEYRING, settings.SFMC_AUTH_URL = keys, auth_url
    settings.SFMC_ACCOUNT_ID = PARENT
    found, emails, note = command._links()
    assert (found, emails, why in note) == ([], [], True)


def test_the_command_makes_links_for_the_unit_of_the_deployment(settings: Settings) -> None:
    settings.LINK_KEYRING, settings.SFMC_AUTH_URL = KEYS, "http://127.0.0.1:8025"
    settings.SFMC_ACCOUNT_ID, settings.PUBLIC_URL = 4711, ADDRESS
    found, emails, note = command._links()
    assert (note, '"mid":"4711"' in found[0].claims) == ("", True)
    for email in emails:
        token = email.unsubscribe_url.removeprefix(f"{ADDRESS}/u/")
        context = read_link(token, keys=KEYS, default_mid=None)
        assert (context.mid, context.is_test) == (4711, False)
        assert email.preferences_url == f"{ADDRESS}/p/{token}"
