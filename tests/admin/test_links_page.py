"""The admin's page on links."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from scripts.steps import ROOT
from tests.helpers import CHILD, FORM, PARENT, link, person, seen
from unsub.admin.links import USES
from unsub.domain.context import Scope, SubscriberContext
from unsub.links.ampscript import Use, snippet
from unsub.models import BusinessUnit, SubscriberRequest

pytestmark = pytest.mark.django_db
PAGE = "/admin/unsub/businessunit/links/"


def test_the_documents_show_the_snippet_that_the_page_builds() -> None:
    made = snippet(address="https://mail.example.com", key_name="profile-center", scope="list")
    for name in ("README.md", "docs/links.md"):
        assert made in (ROOT / name).read_text()


def ampscript(code: str, values: dict[str, str], minutes: int) -> dict[str, str]:
    """Return the claims that the snippet would build: evaluates its Concat, with values for its
    calls."""
    made = str(minutes * 60 + 21_600)
    assert 'Add(Multiply(DateDiff("1970-01-01", Now(1), "MI"), 60), 21600)' in code
    inner = code.split("SET @claims = Concat(")[1].split("}')", maxsplit=1)[0] + "}'"
    parts = re.findall(r"'([^']*)'|AttributeValue\(\"(\w+)\"\)|(@\w+)", inner)
    known = {"@made": made, "@key": values["_subscriberkey"]}
    text = "".join(
        quoted or values.get(name, "") or known.get(word, "") for quoted, name, word in parts
    )
    claims: dict[str, str] = json.loads(text)
    return claims


def test_with_a_profile_centre_the_snippet_adds_the_age_and_a_link_to_it() -> None:
    code = snippet(
        address="https://mail.example.com", key_name="profile-center", scope="list",
        with_centre=True,
    )  # fmt: skip
    assert code in (ROOT / "docs/profile-centre.md").read_text()
    values = {
        "memberid": "510001",
        "subscriberid": "1001",
        "_subscriberkey": "ada",
        "jobid": "88002",
    }
    # Marketing Cloud's clock is six hours behind UTC.
    claims = ampscript(code, values, minutes=(1_764_000_000 - 21_600) // 60)
    assert claims["iat"] == "1764000000"
    assert (claims["mid"], claims["sk"], claims["jid"], claims["scope"]) == (
        "510001", "ada", "88002", "list",
    )  # fmt: skip
    assert code.count("@token") == 3


def test_the_snippet_is_built_for_the_chosen_unit_key_and_scope(
    admin_client: Client, unit: BusinessUnit
) -> None:
    asked = {"unit": str(PARENT), "key": "spring-key", "scope": "all"}
    words = seen(admin_client.get(PAGE, asked).content)
    assert 'GetJWTByKeyName("spring-key", "HS256", @claims)' in words
    assert '"scope":"all"' in words
    assert "@key" not in words
    assert 'Replace(Replace(AttributeValue("_subscriberkey")' in seen(
        admin_client.get(PAGE, asked | {"sk": "on"}).content
    )


@pytest.mark.parametrize(
    ("use", "written"),
    [
        ("tracked", '<a href="%%=RedirectTo(@unsubscribe)=%%">Unsubscribe</a>'),
        ("untracked", "%%=Concat('<a href=\"', @unsubscribe, '\">Unsubscribe</a>')=%%"),
        ("text", "Unsubscribe: http://%%=RedirectTo(@unsubscribe)=%%"),
        ("cloudpage", "%%=Redirect(@unsubscribe)=%%"),
    ],
)
def test_each_use_has_a_form_of_its_own(
    admin_client: Client, unit: BusinessUnit, use: str, written: str
) -> None:
    asked = {"unit": str(PARENT), "key": "spring-key", "scope": "list", "use": use}
    page = admin_client.get(PAGE, asked)
    assert page.context["snippet"].splitlines()[-1] == written
    assert USES[Use(use)] == page.context["advice"]
    words = seen(page.content)
    assert "%%profile_center_url%% or %%unsub_center_url%%" in words
    assert "choose a publication list" in words
    assert "Not supported: SMS, push" in words
    # What stands before the link is the same in each form.
    assert page.context["snippet"].startswith(snippet(
        address=unit.url, key_name="spring-key", scope="list", with_subscriber_key=False
    ).rpartition("\n")[0])  # fmt: skip


@pytest.mark.parametrize("key", ['a"b', "a b", "", "x" * 37, "ключ"])
def test_a_key_name_that_would_break_the_snippet_is_refused(
    admin_client: Client, unit: BusinessUnit, key: str
) -> None:
    html = admin_client.get(
        PAGE, {"unit": str(PARENT), "key": key, "scope": "list"}
    ).content.decode()
    assert "GetJWTByKeyName" not in html
    assert 'class="unsub-error"' in html


def test_the_page_s_test_link_opens_and_records_nothing(
    admin_client: Client, client: Client, unit: BusinessUnit
) -> None:
    html = admin_client.get(PAGE).content.decode()
    path = re.findall(r'href="http://[^/]+(/u/[^"]+)"', html)[0]
    assert "This is a test link" in seen(client.get(path).content)
    client.post(path, FORM)
    client.post(path)
    assert not SubscriberRequest.objects.exists()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in html


def test_the_headers_have_the_mailto_address_and_their_lengths(
    admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.MAILTO_ADDRESS = "unsubscribe@in.example.com"
    asked = {"unit": str(PARENT), "key": "spring-key", "scope": "list"}
    page = admin_client.get(PAGE, asked)
    words = seen(page.content)
    scripted = page.context["scripted"].text
    behind = len(f"{unit.url}/u/") + 1
    mailto = f"mailto:{settings.MAILTO_ADDRESS}?subject=%%=Substring(@unsubscribe, {behind})=%%"
    assert scripted.splitlines() == [
        "List-Unsubscribe: <%%=v(@unsubscribe)=%%>,",
        f" <{mailto}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]
    headers = page.context["headers"]
    made = page.context["test_link"].rpartition("/")[2]
    assert f"?subject={made}>" in headers.text
    assert f"Longest line: {headers.line} of 998 characters." in words
    assert f"Subject: {len(made)} characters; Outlook keeps 255." in words
    # With a SubscriberKey the token may be longer than Outlook's subject: the body has it, too.
    longer = admin_client.get(PAGE, asked | {"sk": "on"})
    assert longer.context["scripted"].token > 255
    assert "&body=%%=Substring(" in longer.context["scripted"].text
    assert "in the body as well" in seen(longer.content)


@pytest.mark.parametrize(
    "dressed",
    ["http://127.0.0.1:8000{}", "https://a.b.example.com{}/", "{}?utm_source=mail", "<http://a{}>"],
)
def test_a_pasted_link_is_explained(
    admin_client: Client, unit: BusinessUnit, settings: Settings, dressed: str
) -> None:
    who = SubscriberContext(subscriber_key="ada@example.com")
    pasted = dressed.format(link(settings, subscriber=who))
    words = seen(admin_client.post(PAGE, {"link": pasted}).content)
    assert "Valid Unsubscribes the subscriber from this mailing list only." in words
    assert "a•••@example.com" in words
    assert "ada@example.com" not in words
    assert "LogUnsubEvent parameters SubscriberKey, JobID, ListID, BatchID" in words
    assert "UnsubEvent Tracked" in words


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scope": Scope.ALL}, "from all marketing emails of this business unit"),
        ({"message_context": "PREVIEW"}, "Test link."),
        (
            {"subscriber": SubscriberContext(email_address="a@example.com")},
            "em must be an email address. Alone, it identifies the subscriber only",
        ),
    ],
)
def test_each_kind_of_link_is_explained(
    admin_client: Client, unit: BusinessUnit, settings: Settings, changes: dict[str, Any],
    sentence: str,
) -> None:  # fmt: skip
    pasted = link(settings, **changes)
    assert sentence in seen(admin_client.post(PAGE, {"link": pasted}).content)


def test_a_link_that_does_not_open_is_explained(
    admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    for pasted, why in (
        (link(settings)[:-4], "The signature doesn’t match any key in LINK_KEYS"),
        ("hello", "Not a valid link"),
        ("x" * 4001, "at most 4000 characters"),
    ):
        assert why in seen(admin_client.post(PAGE, {"link": pasted}).content)


def test_a_link_of_another_unit_is_not_explained(
    unit: BusinessUnit, child: BusinessUnit, settings: Settings
) -> None:
    client = person("viewer", unit)
    html = client.post(PAGE, {"link": link(settings, mid=CHILD, job=88101)}).content.decode()
    assert "a business unit you don’t have access to" in html
    for trace in ("Example Kids", "88101", str(CHILD)):
        assert trace not in html
    assert "Example Kids" not in client.get(PAGE, {"unit": str(CHILD), "key": "k"}).content.decode()
