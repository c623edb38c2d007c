"""A recipient opens the link of an email in a real browser."""

from tests.journeys.deployment import Deployment
from tests.journeys.reader import Reader


def test_submitting_the_page_ends_as_an_unsub_event(shared: Deployment, reader: Reader) -> None:
    reader.open(shared.link(1001))
    assert "Example Outfitters" in reader.text
    reader.choose_first_reason()
    reader.press()
    event = shared.event_of(1001)
    assert (event["mid"], event["job_id"], event["list_id"]) == (510001, 88002, 7001)
    assert (event["batch_id"], event["kind"]) == (0, "event")
    assert event["parameters"]["Reason"] == event["reason"]
    row = shared.audit_of(1001)
    assert (row["status"], row["outcome"], int(row["attempts"])) == ("done", "posted", 1)
    assert (row["channel"], row["reason"]) == ("page", event["reason"])


def test_free_text_is_sent_with_the_event(shared: Deployment, reader: Reader) -> None:
    reader.open(shared.link(1002, seal=True))
    other = reader.page.locator("input[type=radio][name=reason]").last
    other.check()
    reader.page.locator("[name=words]").fill("Łatwiej mi bez tego 🙂")
    reader.press()
    assert "Łatwiej mi bez tego 🙂" in shared.event_of(1002)["reason"]


def test_the_page_works_without_scripts(shared: Deployment, plain_reader: Reader) -> None:
    plain_reader.open(shared.link(1003))
    plain_reader.choose_first_reason()
    plain_reader.press()
    assert shared.event_of(1003)["list_id"] == 7001


def test_the_page_works_with_the_keyboard_alone(shared: Deployment, reader: Reader) -> None:
    reader.open(shared.link(1004))
    reader.tab_to("main form button[type=submit]")
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/done")
    assert shared.event_of(1004)["list_id"] == 7001


def test_opening_the_link_again_says_that_it_is_done(shared: Deployment, reader: Reader) -> None:
    link = shared.link(1005)
    shared.one_click(link)
    assert shared.audit_of(1005)["status"] == "done"
    reader.open(link)
    assert "you unsubscribed on" in reader.text.lower()


def test_opening_the_link_writes_nothing(shared: Deployment, reader: Reader) -> None:
    reader.open(shared.link(1006))
    asked = "SELECT count(*) FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"
    assert shared.query(asked, 1006) == [(0,)]
