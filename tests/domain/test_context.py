"""What a context calls, and what the page then says."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.strategies import FAST, contexts
from unsub.domain.context import (
    ContextError,
    Effect,
    JobContext,
    Scope,
    SubscriberContext,
    UnsubContext,
    unsub_parameters,
)

ADA = SubscriberContext(subscriber_id=1001)
Pairs = tuple[tuple[str, str], ...]


def context(
    *,
    jid: int | None = None,
    lid: int | None = None,
    bid: int | None = None,
    scope: Scope | None = None,
    ctx: str = "",
) -> UnsubContext:
    """Return Ada's context."""
    return UnsubContext(
        mid=510001,
        subscriber=ADA,
        job=JobContext(job_id=jid, list_id=lid, batch_id=bid),
        scope=scope or Scope.LIST,
        scope_is_explicit=scope is not None,
        message_context=ctx,
    )


def of_job(found: UnsubContext, unit_list: int | None) -> dict[str, str]:
    """Return the parameters without the subscriber, who always comes first."""
    first, *rest = found.parameters(all_subscribers_list_id=unit_list)
    assert first == ("SubscriberID", "1001")
    return dict(rest)


@pytest.mark.parametrize("scope", [None, Scope.LIST])
@pytest.mark.parametrize("unit_list", [None, 7000])
@pytest.mark.parametrize(
    ("jid", "lid", "bid", "expected"),
    [
        (88002, None, None, {"JobID": "88002"}),
        (88002, 7001, None, {"JobID": "88002", "ListID": "7001"}),
        (88002, None, 3, {"JobID": "88002", "BatchID": "3"}),
        (88002, 7001, 0, {"JobID": "88002", "ListID": "7001", "BatchID": "0"}),
        (None, 7001, None, {"ListID": "7001"}),
        (None, 7001, 3, {"ListID": "7001", "BatchID": "3"}),
    ],
)
def test_a_job_or_a_list_is_sent_with_the_ids_that_are_there(
    jid: int | None,
    lid: int | None,
    bid: int | None,
    expected: dict[str, str],
    unit_list: int | None,
    scope: Scope | None,
) -> None:
    found = context(jid=jid, lid=lid, bid=bid, scope=scope)
    assert of_job(found, unit_list) == expected
    assert (found.effect, found.is_test) == (Effect.FROM_LIST, False)


@pytest.mark.parametrize("unit_list", [None, 7000])
@pytest.mark.parametrize("bid", [None, 3])
def test_no_job_and_no_list_is_a_master_unsubscribe(bid: int | None, unit_list: int | None) -> None:
    found = context(bid=bid)
    assert of_job(found, unit_list) == {}
    assert (found.effect, found.is_test) == (Effect.FROM_EVERYTHING, False)


@pytest.mark.parametrize(
    ("jid", "lid", "bid", "expected"),
    [
        (88002, 7001, 0, {"JobID": "88002", "ListID": "7000", "BatchID": "0"}),
        (88002, None, None, {"JobID": "88002", "ListID": "7000"}),
        (None, 7001, None, {"ListID": "7000"}),
        (None, None, None, {"ListID": "7000"}),
    ],
)
def test_scope_all_names_the_units_all_subscribers_list(
    jid: int | None, lid: int | None, bid: int | None, expected: dict[str, str]
) -> None:
    found = context(jid=jid, lid=lid, bid=bid, scope=Scope.ALL)
    assert of_job(found, 7000) == expected
    assert (found.effect, found.is_test) == (Effect.FROM_EVERYTHING, False)


@pytest.mark.parametrize(("jid", "lid"), [(88002, 7001), (88002, None), (None, 7001), (None, None)])
def test_scope_all_without_such_a_list_sends_the_subscriber_alone(
    jid: int | None, lid: int | None
) -> None:
    found = context(jid=jid, lid=lid, bid=3, scope=Scope.ALL)
    assert of_job(found, None) == {}
    assert found.effect is Effect.FROM_EVERYTHING


@pytest.mark.parametrize("bid", [None, 3])
def test_explicit_scope_list_without_a_list_is_a_test_and_no_master_unsubscribe(
    bid: int | None,
) -> None:
    found = context(bid=bid, scope=Scope.LIST)
    assert found.is_test
    assert found.effect is Effect.FROM_LIST
    with pytest.raises(ContextError, match="test link"):
        found.parameters(all_subscribers_list_id=7000)


def test_a_test_link_makes_no_call_whatever_ids_it_has() -> None:
    found = context(jid=88002, lid=7001, scope=Scope.ALL, ctx="PREVIEW")
    assert found.is_test
    with pytest.raises(ContextError):
        found.parameters(all_subscribers_list_id=7000)


def test_all_known_identifiers_of_the_subscriber_are_sent() -> None:
    ada = SubscriberContext(
        subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
    )
    found = dataclasses.replace(context(jid=88002), subscriber=ada)
    assert found.parameters(all_subscribers_list_id=None) == (
        ("SubscriberID", "1001"),
        ("SubscriberKey", "ada-1001"),
        ("EmailAddress", "ada@example.com"),
        ("JobID", "88002"),
    )


@FAST
@given(found=contexts(), unit_list=st.none() | st.integers(1, 2**31 - 1))
def test_scope_never_widens(found: UnsubContext, unit_list: int | None) -> None:
    if found.is_test:
        with pytest.raises(ContextError):
            found.parameters(all_subscribers_list_id=unit_list)
        return
    called = found.parameters(all_subscribers_list_id=unit_list)
    names = {name for name, _ in called}
    if found.effect is Effect.FROM_LIST:
        assert names & {"JobID", "ListID"}
        assert called == found.parameters(all_subscribers_list_id=None)
    else:
        assert found.scope is Scope.ALL or not (found.job.has_list or found.scope_is_explicit)
        assert ("ListID" in names) == (found.scope is Scope.ALL and unit_list is not None)


@FAST
@given(found=contexts(), unit_list=st.none() | st.integers(1, 2**31 - 1))
def test_a_stored_request_is_called_as_its_link_would_be(
    found: UnsubContext, unit_list: int | None
) -> None:
    if not found.is_test:
        assert found.parameters(all_subscribers_list_id=unit_list) == unsub_parameters(
            subscriber=found.subscriber,
            job=found.job,
            scope=found.scope,
            all_subscribers_list_id=unit_list,
        )


@pytest.mark.parametrize(
    "wrong",
    [{"job_id": 0}, {"list_id": 0}, {"batch_id": -1}, {"job_id": 2**63}, {"list_id": -1}],
)
def test_a_job_checks_itself(wrong: dict[str, int]) -> None:
    with pytest.raises(ContextError, match="out of range"):
        JobContext(**wrong)


@pytest.mark.parametrize("mid", [0, -1, 2**31])
def test_a_context_checks_its_unit(mid: int) -> None:
    with pytest.raises(ContextError, match="mid"):
        UnsubContext(mid=mid, subscriber=ADA, job=JobContext())


def test_a_subscriber_needs_a_valid_identifier() -> None:
    with pytest.raises(ContextError, match="needs"):
        SubscriberContext()
    with pytest.raises(ContextError):
        SubscriberContext(subscriber_id=0)
    with pytest.raises(ContextError):
        SubscriberContext(subscriber_id=1001, subscriber_key="")


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        context().scope = Scope.ALL  # type: ignore[misc]


def test_the_repr_of_a_context_shows_no_person() -> None:
    ada = SubscriberContext(subscriber_key="ada-1001", email_address="ada@example.com")
    shown = repr(dataclasses.replace(context(jid=88002), subscriber=ada))
    assert "ada" not in shown
    assert "88002" in shown
