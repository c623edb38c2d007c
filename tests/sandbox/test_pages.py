"""The sandbox's page for people: events, faults by a form, emails as their readers see them,
subscribers to search."""

from dataclasses import dataclass

from tests.sandbox.talk import Caller, create_call
from unsub.sandbox import Sandbox
from unsub.sandbox.http.page_faults import LABELS
from unsub.sandbox.operations.faults import KINDS

LINK = "https://mail.example.com/c/a-token"
MAIL = (
    '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>confirm-subscription'
    "</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ada@example.com"
    "</EmailAddress><SubscriberKey>ada-1001</SubscriberKey><Attributes><Name>ProfileCentreLink"
    f"</Name><Value>{LINK}</Value></Attributes><Attributes><Name>ProfileCentreAbout</Name>"
    "<Value>Events &lt;near&gt; you</Value></Attributes></Subscribers></Objects>"
)
UNSUBSCRIBE = "https://mail.example.com/u/a-token"


@dataclass(frozen=True)
class Sample:
    """A sample email of a job."""

    sender: str = "Example Outfitters"
    to: str = "ada@example.com"
    subject: str = "Rain is coming"
    about: str = "Unsubscribes from the list."
    unsubscribe_url: str = UNSUBSCRIBE
    preferences_url: str = "https://mail.example.com/p/a-token"


def page(caller: Caller, query: str = "") -> str:
    """Return the first page."""
    answer = caller.http.get(f"{caller.url}{query}", timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_each_fault_has_words_on_the_page() -> None:
    assert {kind for group in LABELS.values() for kind in group} == KINDS


def test_a_fault_is_injected_by_the_form_shown_and_cleared(sfmc: Sandbox, caller: Caller) -> None:
    form = {"kind": "latency", "long": "30s", "value": "2.5", "operation": "Update"}
    answer = caller.http.post(f"{caller.url}faults", data=form, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/#faults")
    (cue,) = sfmc.faults.listing()
    assert (cue["kind"], cue["times"], cue["seconds"], cue["value"], cue["operation"]) == (
        "latency", None, 30.0, 2.5, "Update",
    )  # fmt: skip
    html = page(caller)
    assert "Active now:" in html
    assert "(latency), value 2.5, of Update" in html
    caller.http.post(f"{caller.url}faults/clear", timeout=10)
    assert sfmc.faults.listing() == []
    assert "None is active" in page(caller)


def test_a_fault_that_makes_no_sense_is_explained_on_the_page(
    sfmc: Sandbox, caller: Caller
) -> None:
    for form in (
        {"kind": "latency", "value": "soon"},
        {"kind": "<b>"},
        {"kind": "token_500", "operation": "Update"},
        {"kind": "latency", "long": "many"},
    ):
        answer = caller.http.post(f"{caller.url}faults", data=form, timeout=10)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert sfmc.faults.listing() == []


def test_an_email_is_shown_as_its_reader_sees_it(sfmc: Sandbox, caller: Caller) -> None:
    caller.post(create_call(MAIL), action="Create")
    html = page(caller)
    for text in (
        "Confirm your subscription", "Example Outfitters &lt;news@example.com&gt;",
        "ada@example.com", f'href="{LINK}"', "Events &lt;near&gt; you",
        "<summary>Headers</summary>",
    ):  # fmt: skip
        assert text in html, text


def test_an_email_of_a_job_has_its_links_its_headers_and_the_button_of_mailbox_providers(
    sfmc: Sandbox, caller: Caller
) -> None:
    sfmc.show_links((), "", (Sample(),))
    html = page(caller)
    assert f"List-Unsubscribe: &lt;{UNSUBSCRIBE}&gt;" in html
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in html
    assert f'<form method="post" action="{UNSUBSCRIBE}"' in html
    assert 'name="List-Unsubscribe" value="One-Click"' in html
    assert f'<a href="{UNSUBSCRIBE}">Unsubscribe</a>' in html


def test_subscribers_are_folded_away_and_can_be_searched(caller: Caller) -> None:
    html = page(caller)
    assert '<section id="subscribers"><details><summary>' in html
    found = page(caller, "?q=GRACE")
    assert '<section id="subscribers"><details open>' in found
    assert "grace-1002" in found
    assert "ada-1001" not in found
    assert "No such subscriber." in page(caller, "?q=%3Cscript%3E")
    assert "<script" not in page(caller, "?q=%3Cscript%3E")


def test_the_page_reloads_itself_only_where_that_was_chosen(caller: Caller) -> None:
    caller.unsub(SubscriberID="1001", JobID="88002")
    assert 'http-equiv="refresh"' not in page(caller)
    live = page(caller, "?live=1")
    assert 'http-equiv="refresh"' in live
    assert "88002" in live
    # Nothing that the next reload would take away.
    assert "<form" not in live
    assert "<details" not in live
