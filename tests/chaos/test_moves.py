"""Tests of the expectations about sequences of requests."""

from tests.chaos.forms import Form
from tests.chaos.moves import (
    ALL,
    CHANGE,
    NAME,
    OFF,
    ON,
    RESUBSCRIBE,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Move,
    may_supersede,
    possible,
)

EVENTS, WEEKLY = "list:7004", "list:7001"


def move(kind: str, about: str, value: str = "", status: int = 303) -> Move:
    return Move(kind=kind, about=about, value=value, status=status)


def test_the_last_accepted_request_counts() -> None:
    moves = [move(CHANGE, NAME, "a"), move(UNSUBSCRIBE, WEEKLY), move(CHANGE, NAME, "b")]
    assert possible(moves, NAME, "") == {"b"}
    assert possible(moves, WEEKLY, ON) == {OFF}
    assert possible(moves, EVENTS, OFF) == {OFF}
    assert possible([*moves, move(SUBSCRIBE, WEEKLY)], WEEKLY, ON) == {ON}


def test_a_lost_reply_leaves_both_states_possible_until_a_request_is_accepted() -> None:
    moves = [move(CHANGE, NAME, "a"), move(CHANGE, NAME, "b", status=0)]
    assert possible(moves, NAME, "") == {"a", "b"}
    moves.append(move(CHANGE, NAME, "c", status=503))
    assert possible(moves, NAME, "") == {"a", "b", "c"}
    assert possible([*moves, move(CHANGE, NAME, "d")], NAME, "") == {"d"}


def test_a_list_subscribed_to_may_remain_after_unsubscribing_from_everything() -> None:
    away = [move(UNSUBSCRIBE, ALL), move(RESUBSCRIBE, ALL)]
    assert possible([move(SUBSCRIBE, EVENTS), *away], EVENTS, OFF) == {OFF, ON}
    assert possible([*away, move(SUBSCRIBE, EVENTS)], EVENTS, OFF) == {ON}
    assert possible([move(UNSUBSCRIBE, WEEKLY), *away], WEEKLY, ON) == {OFF}
    assert possible(away, WEEKLY, ON) == {ON}
    assert possible(away, ALL, ON) == {ON}


def test_which_request_may_supersede_which() -> None:
    assert may_supersede((CHANGE, NAME), (CHANGE, NAME))
    assert may_supersede((UNSUBSCRIBE, WEEKLY), (SUBSCRIBE, WEEKLY))
    assert may_supersede((SUBSCRIBE, WEEKLY), (UNSUBSCRIBE, WEEKLY))
    assert may_supersede((UNSUBSCRIBE, ALL), (SUBSCRIBE, WEEKLY))
    assert may_supersede((RESUBSCRIBE, ALL), (UNSUBSCRIBE, ALL))
    assert not may_supersede((UNSUBSCRIBE, ALL), (UNSUBSCRIBE, WEEKLY))
    assert not may_supersede((UNSUBSCRIBE, ALL), (UNSUBSCRIBE, ALL))
    assert not may_supersede((RESUBSCRIBE, ALL), (UNSUBSCRIBE, WEEKLY))
    assert not may_supersede((UNSUBSCRIBE, WEEKLY), (CHANGE, NAME))


def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    form = Form(
        '<form><input type="hidden" name="snapshot" value="x&amp;y">'
        '<input type="checkbox" name="keep" value="1" checked>'
        '<input type="checkbox" name="keep" value="2">'
        '<label for="id_a1">First Name <b>!</b></label><input name="a1" value="Ada">'
        '<select name="s"><option value="">-</option><option value="B" selected>B</option></select>'
        '<button name="everything" value="1">all</button></form>'
    )
    assert form.labels == {"First Name": "a1"}
    assert form.buttons == {"everything"}
    assert (form.ticked("keep"), form.open("keep")) == ({"1"}, {"2"})
    assert form.toggled("keep", "1") == "snapshot=x%26y&a1=Ada&s=B"
    assert form.toggled("keep", "2") == "snapshot=x%26y&keep=1&a1=Ada&s=B&keep=2"
    assert form.typed("a1", "Bo") == "snapshot=x%26y&keep=1&s=B&a1=Bo"
    assert form.pressed("everything").endswith("&everything=1")
