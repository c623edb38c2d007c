"""Every documented error code and fault, and what follows from it."""

import pytest

from unsub.domain.outcomes import (
    Backpressure,
    Outcome,
    Step,
    Verdict,
    read_error,
    read_reply,
    read_result,
    read_status,
)
from unsub.sfmc import (
    CallReply,
    CallResult,
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    SystemStatus,
    TransientError,
    UnknownOutcomeError,
)

CODES = (
    (401, Outcome.ALREADY_UNSUBSCRIBED, Step.FINISH),
    (12012, Outcome.ALREADY_UNSUBSCRIBED, Step.FINISH),
    (12009, Outcome.ALREADY_UNSUBSCRIBED, Step.FINISH),
    *((code, Outcome.REFUSED, Step.REFUSE) for code in (400, *range(402, 410))),
    *((code, Outcome.REFUSED, Step.REFUSE) for code in (12001, 12015, 5, 6, 8)),
    *((code, Outcome.TRY_LATER, Step.RETRY) for code in (2, 9, 10, 13, 17)),
    *((code, Outcome.MISCONFIGURED, Step.HOLD) for code in (11, 12)),
    *((code, Outcome.TRY_LATER, Step.RETRY) for code in (12008, 12013, 0, 99999, None)),
)


def result(
    code: int | None = None, *, status: str = "Error", ordinal: int | None = None
) -> CallResult:
    """Return a result as the client gives it."""
    return CallResult(status_code=status, status_message="", ordinal_id=ordinal, error_code=code)


def reply(*results: CallResult, overall: str = "OK") -> CallReply:
    """Return a reply as the client gives it."""
    return CallReply(overall_status=overall, request_id="038cce1e", results=results)


@pytest.mark.parametrize(("code", "outcome", "step"), CODES)
def test_every_error_code_has_its_outcome(code: int | None, outcome: Outcome, step: Step) -> None:
    verdict = read_result(result(code))
    assert (verdict.outcome, verdict.step(1)) == (outcome, step)
    assert verdict.error_code == code


@pytest.mark.parametrize("code", [12008, 12013, 0, 99999, 2**40, None])
def test_an_unclear_failure_gets_one_more_try_and_no_third(code: int | None) -> None:
    verdict = read_result(result(code))
    assert [verdict.step(attempts) for attempts in (1, 2, 3)] == [
        Step.RETRY, Step.REFUSE, Step.REFUSE,
    ]  # fmt: skip


@pytest.mark.parametrize("code", [2, 9, 10, 13, 17])
def test_a_failure_of_marketing_cloud_is_retried_until_the_horizon(code: int) -> None:
    assert read_result(result(code)).step(500) is Step.RETRY


@pytest.mark.parametrize("code", [None, 0, 401])
def test_status_code_ok_is_posted_whatever_the_error_code_says(code: int | None) -> None:
    assert read_result(result(code, status="OK")).outcome is Outcome.POSTED


def test_maintenance_and_rate_limit_slow_the_whole_unit_down() -> None:
    assert [read_result(result(code)).backpressure for code in (9, 17, 13, 401)] == [
        Backpressure.MAINTENANCE, Backpressure.RATE_LIMIT, Backpressure.NONE, Backpressure.NONE,
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


@pytest.mark.parametrize("ordinals", [(1, 2), (0, None), (None, 1), (None, None)])
def test_ordinals_that_agree_with_the_order_change_nothing(
    ordinals: tuple[int | None, int | None],
) -> None:
    first, second = ordinals
    verdicts = read_reply(reply(result(401, ordinal=first), result(400, ordinal=second)), sent=2)
    assert verdicts is not None
    assert [v.error_code for v in verdicts] == [401, 400]


@pytest.mark.parametrize(
    "ordinals", [(0, 0), (1, 1), (2, 1), (0, 5), (-1, 0), (1, None), (None, 0), (2**40, 0)]
)
def test_ordinals_that_contradict_themselves_or_the_order_assign_nothing(
    ordinals: tuple[int | None, int | None],
) -> None:
    first, second = ordinals
    answer = reply(result(401, ordinal=first), result(400, ordinal=second))
    assert read_reply(answer, sent=2) is None
    alone = read_reply(reply(result(401, ordinal=first)), sent=1)
    assert alone is not None
    assert alone[0].outcome is Outcome.ALREADY_UNSUBSCRIBED


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_results_says_nothing_about_several_requests(count: int) -> None:
    assert read_reply(reply(*[result(status="OK")] * count), sent=2) is None


def test_no_handler_for_the_request_is_no_persons_fault() -> None:
    answer = reply(overall="Error: Unable to find a handler for this")
    verdicts = read_reply(answer, sent=1)
    assert verdicts is not None
    assert (verdicts[0].outcome, verdicts[0].of_call) == (Outcome.MISCONFIGURED, True)


@pytest.mark.parametrize("code", [None, 0, 99999])
@pytest.mark.parametrize(
    "words", ["API Permission Failed", "User Not Authorized", "Insufficient privileges."]
)
def test_a_result_without_a_known_code_that_says_no_right_is_a_missing_right(
    code: int | None, words: str
) -> None:
    said = CallResult(status_code="Error", status_message=words, error_code=code)
    verdict = read_result(said)
    assert (verdict.outcome, verdict.of_call) == (Outcome.MISCONFIGURED, True)
    known = CallResult(status_code="Error", status_message=words, error_code=405)
    assert read_result(known).outcome is Outcome.REFUSED
    assert read_result(CallResult(status_code="OK", status_message=words)).outcome is Outcome.POSTED


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, True) for code in (402, 5, 6, 8, 0, 99999, None)),
        *((code, False) for code in (400, 403, 405, 12001, 12000, 12008, 12018, 401, 17, 11)),
    ],
)
def test_a_refusal_says_whether_it_is_about_the_subscriber(
    code: int | None, expected: bool
) -> None:
    assert read_result(result(code)).names_nobody is expected


def test_an_ok_without_a_result_is_unknown() -> None:
    verdicts = read_reply(reply(overall="OK"), sent=1)
    assert verdicts is not None
    assert verdicts[0].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "outcome", "backpressure"),
    [
        (TransientError, Outcome.TRY_LATER, Backpressure.NONE),
        (RateLimitedError, Outcome.TRY_LATER, Backpressure.RATE_LIMIT),
        (InMaintenanceError, Outcome.TRY_LATER, Backpressure.MAINTENANCE),
        (UnknownOutcomeError, Outcome.UNKNOWN, Backpressure.NONE),
        (PermanentError, Outcome.REFUSED, Backpressure.NONE),
        (MisconfiguredError, Outcome.MISCONFIGURED, Backpressure.NONE),
    ],
)
def test_every_error_has_its_outcome(
    error: type[SfmcError], outcome: Outcome, backpressure: Backpressure
) -> None:
    verdict = read_error(error("told in a word", retry_after=7.0, code=3))
    assert (verdict.outcome, verdict.backpressure) == (outcome, backpressure)
    assert (verdict.retry_after, verdict.error_code, verdict.detail) == (7.0, 3, "told in a word")


def test_stored_texts_fit_their_columns() -> None:
    long = CallResult(status_code="E" * 50, error_code=400)
    verdict = read_result(long, request_id="r" * 70)
    assert (verdict.status_code, verdict.sfmc_request_id) == ("E" * 40, "r" * 64)
    failed = read_error(UnknownOutcomeError("d" * 250, request_id="r" * 70))
    assert (failed.detail, failed.sfmc_request_id) == ("d" * 200, "r" * 64)
    assert read_error(UnknownOutcomeError("d")).sfmc_request_id == ""
    assert read_result(result(400)).sfmc_request_id == ""


@pytest.mark.parametrize(
    ("code", "backpressure"), [(9, Backpressure.MAINTENANCE), (17, Backpressure.RATE_LIMIT)]
)
def test_a_slow_code_on_a_success_slows_nothing_down(code: int, backpressure: Backpressure) -> None:
    assert read_result(result(code)).backpressure is backpressure
    assert read_result(result(code, status="OK")).backpressure is Backpressure.NONE


def test_a_verdict_has_empty_defaults() -> None:
    verdict = Verdict(outcome=Outcome.UNKNOWN)
    assert (verdict.error_code, verdict.retry_after, verdict.tries) == (None, None, None)
    assert (verdict.backpressure, verdict.at_once) == (Backpressure.NONE, False)
    assert (verdict.status_code, verdict.detail, verdict.sfmc_request_id) == ("", "", "")


def test_a_reply_without_a_usable_result_keeps_its_request_id() -> None:
    answer = read_reply(reply(overall="Error: Unable to find a handler for this"), sent=1)
    assert answer is not None
    assert (answer[0].status_code, answer[0].detail) == ("Error", "no handler for the request")
    assert answer[0].sfmc_request_id == "038cce1e"
    for strange in (reply(overall="Error"), reply(result(400), result(400), overall="Error: x")):
        unknown = read_reply(strange, sent=1)
        assert unknown is not None
        assert (unknown[0].outcome, unknown[0].detail) == (Outcome.UNKNOWN, "number of results")
        assert unknown[0].sfmc_request_id == "038cce1e"


def test_a_reply_without_a_request_id_has_none() -> None:
    answer = CallReply(overall_status="OK", request_id=None, results=(result(status="OK"),))
    verdicts = read_reply(answer, sent=1)
    assert verdicts is not None
    assert verdicts[0].sfmc_request_id == ""


def test_a_reply_without_results_gives_no_verdicts_on_two_requests() -> None:
    assert read_reply(reply(), sent=2) is None
    assert read_reply(reply(overall="Error: Unable to find a handler"), sent=2) is None


@pytest.mark.parametrize(
    ("ordinals", "codes"),
    [((2, 0, 1), [401, 402, 400]), ((0, 1, 2), [400, 401, 402]), ((1, 2, 3), [400, 401, 402])],
)
def test_results_are_matched_to_their_requests_by_ordinal(
    ordinals: tuple[int, int, int], codes: list[int]
) -> None:
    results = [result(400 + at, ordinal=number) for at, number in enumerate(ordinals)]
    verdicts = read_reply(reply(*results), sent=3)
    assert verdicts is not None
    assert [verdict.error_code for verdict in verdicts] == codes


@pytest.mark.parametrize(
    ("status", "backpressure"),
    [
        (SystemStatus.IN_MAINTENANCE, Backpressure.MAINTENANCE),
        (SystemStatus.UNPLANNED_OUTAGE, Backpressure.NONE),
    ],
)
def test_a_system_that_is_down_says_try_later(
    status: SystemStatus, backpressure: Backpressure
) -> None:
    verdict = read_status(status)
    assert verdict is not None
    assert (verdict.outcome, verdict.backpressure) == (Outcome.TRY_LATER, backpressure)
    assert verdict.detail == status.value
    assert verdict.step(100) is Step.RETRY


def test_a_system_that_is_up_gives_no_reason_to_wait() -> None:
    assert read_status(SystemStatus.OK) is None


@pytest.mark.parametrize("code", [2, 0, None, 401])
def test_a_row_whose_columns_are_refused_is_refused_whatever_its_code(code: int | None) -> None:
    said = CallResult(status_code="Error", error_code=code, wrong_columns=("Tips", "", "Tips"))
    verdict = read_result(said)
    assert verdict.step(1) is Step.REFUSE
    assert (verdict.detail, verdict.names_nobody) == ("columns refused: Tips", False)
