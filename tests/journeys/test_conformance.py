"""One-click POSTs as email clients send them, through gunicorn and over a real connection."""

import pytest

from scripts import one_click
from tests.journeys.deployment import Deployment


def test_every_variant_of_one_click_is_answered_correctly(
    shared: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    link = shared.link(1021)
    assert one_click.main([link]) == 0, capsys.readouterr().out
    assert shared.event_of(1021)["list_id"] == 7001
    shared.audit_of(1021)  # waits until the reply is stored, too
    assert shared.story(1021) == ["posted"]


@pytest.mark.parametrize("length", [True, False])
def test_a_body_of_a_megabyte_is_refused_with_and_without_content_length(
    shared: Deployment, length: bool
) -> None:
    headers = {"Content-Type": "a/b"} | ({} if length else {"Transfer-Encoding": "chunked"})
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    body = b"a" * 2**20 if length else chunk * 16 + b"0\r\n\r\n"
    case = one_click.Case(name="1 MB", source="ours", body=body, headers=headers, statuses=(413,))
    problem, _ = one_click.ask(shared.link(1022), case)
    assert not problem
    asked = "SELECT count(*) FROM unsub_subscriberrequest WHERE subscriber_id = {mark}"
    assert shared.query(asked, 1022) == [(0,)]


def test_a_chunked_form_is_read(shared: Deployment) -> None:
    form = b"form=page&reason=too-many"
    case = one_click.Case(
        name="chunked form", source="proxies", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form),
        headers={"Content-Type": one_click.FORM, "Transfer-Encoding": "chunked"}, statuses=(303,),
    )  # fmt: skip
    problem, _ = one_click.ask(shared.link(1023), case)
    assert problem == "303: a redirect, which RFC 8058 forbids"
    assert shared.event_of(1023)["reason"] == "I get too many emails"
