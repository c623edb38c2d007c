"""Every code and fault of the vendor's pages, and what follows from it."""

import pytest

from unsub.outcomes import Outcome, Slow, Step, read_error, read_reply, read_result
from unsub.sfmc import (
    ExecuteReply,
    ExecuteResult,
    InMaintenance,
    MisconfiguredError,
    PermanentError,
    RateLimited,
    SfmcError,
    TransientError,
    UnknownOutcome,
)

CODES = (
    (401, Outcome.ALREADY_UNSUBSCRIBED, Step.FINISH),
    (12012, Outcome.ALREADY_UNSUBSCRIBED, Step.FINISH),
    *((code, Outcome.REFUSED, Step.REFUSE) for code in (400, *range(402, 410))),
    *((code, Outcome.REFUSED, Step.REFUSE) for code in (12001, 12015, 5, 6, 8)),
    *((code, Outcome.TRY_LATER, Step.RETRY) for code in (2, 9, 10, 13, 17)),
    *((code, Outcome.MISCONFIGURED, Step.HOLD) for code in (11, 12)),
    *((code, Outcome.TRY_LATER, Step.RETRY) for code in (12008, 12009, 12013, 0, 99999, None)),
)


def result(
    code: int | None = None, *, status: str = "Error", ordinal: int | None = None
) -> ExecuteResult:
    """Return a result as the client gives it."""
    return ExecuteResult(status_code=status, status_message="", ordinal_id=ordinal, error_code=code)


def reply(*results: ExecuteResult, overall: str = "OK") -> ExecuteReply:
    """Return a reply as the client gives it."""
    return ExecuteReply(overall_status=overall, request_id="038cce1e", results=results)


@pytest.mark.parametrize(("code", "outcome", "step"), CODES)
def test_every_error_code_has_its_outcome(code: int | None, outcome: Outcome, step: Step) -> None:
    verdict = read_result(result(code))
    assert (verdict.outcome, verdict.step(1)) == (outcome, step)
    assert verdict.error_code == code


@pytest.mark.parametrize("code", [12008, 12009, 12013, 0, 99999, None])
def test_an_unclear_failure_gets_one_more_try_and_no_third(code: int | None) -> None:
    verdict = read_result(result(code))
    assert [verdict.step(attempts) for attempts in (1, 2, 3)] == [
        Step.RETRY, Step.REFUSE, Step.REFUSE,
    ]  # fmt: skip


@pytest.mark.parametrize("code", [2, 9, 10, 13, 17])
def test_a_failure_of_theirs_is_tried_until_the_horizon(code: int) -> None:
    assert read_result(result(code)).step(500) is Step.RETRY


@pytest.mark.parametrize("code", [None, 0, 401])
def test_status_code_ok_is_posted_whatever_the_error_code_says(code: int | None) -> None:
    assert read_result(result(code, status="OK")).outcome is Outcome.POSTED


def test_maintenance_and_rate_limit_slow_the_whole_unit_down() -> None:
    assert [read_result(result(code)).slow for code in (9, 17, 13, 401)] == [
        Slow.MAINTENANCE, Slow.RATE_LIMIT, Slow.NO, Slow.NO,
    ]  # fmt: skip


def test_results_without_ordinals_are_matched_by_position() -> None:
    verdicts = read_reply(reply(result(status="OK"), result(401), overall="Has Errors"), sent=2)
    assert verdicts is not None
    assert [v.outcome for v in verdicts] == [Outcome.POSTED, Outcome.ALREADY_UNSUBSCRIBED]
    assert {v.sfmc_request_id for v in verdicts} == {"038cce1e"}


def test_results_with_ordinals_are_matched_by_them() -> None:
    verdicts = read_reply(reply(result(400, ordinal=1), result(401, ordinal=0)), sent=2)
    assert verdicts is not None
    assert [v.error_code for v in verdicts] == [401, 400]


@pytest.mark.parametrize("ordinals", [(0, 0), (1, 2), (0, None)])
def test_ordinals_that_are_no_order_are_ignored(ordinals: tuple[int | None, int | None]) -> None:
    first, second = ordinals
    verdicts = read_reply(reply(result(401, ordinal=first), result(400, ordinal=second)), sent=2)
    assert verdicts is not None
    assert [v.error_code for v in verdicts] == [401, 400]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_results_tells_nothing_about_several_requests(count: int) -> None:
    assert read_reply(reply(*[result(status="OK")] * count), sent=2) is None


def test_no_handler_for_the_request_is_our_fault() -> None:
    answer = reply(overall="Error: Unable to find a handler for this")
    verdicts = read_reply(answer, sent=1)
    assert verdicts is not None
    assert verdicts[0].outcome is Outcome.REFUSED


def test_an_ok_without_a_result_is_not_believed() -> None:
    verdicts = read_reply(reply(overall="OK"), sent=1)
    assert verdicts is not None
    assert verdicts[0].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "outcome", "slow"),
    [
        (TransientError, Outcome.TRY_LATER, Slow.NO),
        (RateLimited, Outcome.TRY_LATER, Slow.RATE_LIMIT),
        (InMaintenance, Outcome.TRY_LATER, Slow.MAINTENANCE),
        (UnknownOutcome, Outcome.UNKNOWN, Slow.NO),
        (PermanentError, Outcome.REFUSED, Slow.NO),
        (MisconfiguredError, Outcome.MISCONFIGURED, Slow.NO),
    ],
)
def test_every_error_has_its_outcome(error: type[SfmcError], outcome: Outcome, slow: Slow) -> None:
    verdict = read_error(error("told in a word", retry_after=7.0, code=3))
    assert (verdict.outcome, verdict.slow) == (outcome, slow)
    assert (verdict.retry_after, verdict.error_code, verdict.detail) == (7.0, 3, "told in a word")
