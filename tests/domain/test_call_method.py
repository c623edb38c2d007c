"""Which fallback a refused unsubscribe has left."""

import pytest

from unsub.domain.call_method import CallMethod, fallback

EVENT, BY_ID, UPDATE = CallMethod
CODES = (None, 400, *range(402, 410), 12001, 12008, 12012, 12015)


def next_one(method: CallMethod, code: int | None, *, id_: bool = True, list_: bool = True) -> str:
    """Return the next call, or "" for none."""
    return fallback(method, code, has_id_and_more=id_, names_a_list=list_) or ""


@pytest.mark.parametrize("code", CODES)
def test_only_these_codes_have_a_fallback(code: int | None) -> None:
    by_code = {400: UPDATE, 405: BY_ID, 406: BY_ID, 407: BY_ID}
    assert next_one(EVENT, code) == by_code.get(code or 0, "")
    assert next_one(BY_ID, code) == (UPDATE if code == 400 else "")
    assert next_one(UPDATE, code) == ""


@pytest.mark.parametrize("method", [EVENT, BY_ID])
def test_without_a_list_there_is_no_update(method: CallMethod) -> None:
    assert next_one(method, 400, list_=False) == ""


def test_without_an_id_beside_something_else_there_is_no_second_event() -> None:
    assert next_one(EVENT, 405, id_=False) == ""
    assert next_one(EVENT, 400, id_=False) == UPDATE


@pytest.mark.parametrize("code", CODES)
def test_fallbacks_come_to_an_end(code: int | None) -> None:
    method, seen = EVENT, [EVENT]
    while following := fallback(method, code, has_id_and_more=True, names_a_list=True):
        assert following not in seen
        seen.append(following)
        method = following
