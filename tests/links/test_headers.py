"""List-Unsubscribe headers, and how long they are."""

import pytest

from unsub.links.headers import LINE_MAX, SUBJECT_MAX, list_unsubscribe

ADDRESS = "unsubscribe@in.example.com"
URL = "https://mail.example.com/u/"


def test_without_an_address_there_is_the_link_alone() -> None:
    made = list_unsubscribe(f"{URL}abc", token="abc")
    assert made.value == f"<{URL}abc>"
    assert not made.has_mailto


def test_both_headers_are_written_as_the_standards_have_them() -> None:
    made = list_unsubscribe(f"{URL}a.b.c", token="a.b.c", mailto=ADDRESS)
    assert made.text.splitlines() == [
        f"List-Unsubscribe: <{URL}a.b.c>, <mailto:{ADDRESS}?subject=a.b.c>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]


def test_a_folded_header_has_a_line_for_each_and_room_for_more() -> None:
    token = "x" * 400
    whole = list_unsubscribe(f"{URL}{token}", token=token, mailto=ADDRESS)
    folded = list_unsubscribe(f"{URL}{token}", token=token, mailto=ADDRESS, folded=True)
    assert whole.value.count(token) == 2
    assert folded.value.count(token) == 3
    assert [line[0] for line in folded.text.splitlines()] == ["L", " ", "L"]


def test_a_token_that_outlook_would_cut_is_in_the_body_as_well() -> None:
    for length, number in ((SUBJECT_MAX, 2), (SUBJECT_MAX + 1, 3)):
        token = "x" * length
        made = list_unsubscribe(f"{URL}{token}", token=token, mailto=ADDRESS)
        assert made.value.count(token) == number
        assert made.has_mailto


@pytest.mark.parametrize("length", range(1, 2048, 3))
def test_no_line_is_longer_than_a_mail_server_takes(length: int) -> None:
    token = "x" * length
    made = list_unsubscribe(f"{URL}{token}", token=token, mailto=ADDRESS)
    assert made.value.startswith(f"<{URL}{token}>")
    # The link is what mailbox providers require: it is never left out.
    assert made.line <= LINE_MAX or not made.has_mailto
