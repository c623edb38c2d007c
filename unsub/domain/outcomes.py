"""Replies and errors of Marketing Cloud -> Verdict. Decides by code; by text only where an error
without a known code says that a right is missing.

The codes are those of the manual's pages "Error Codes" (400-499, 12000-12099, 1-99) and "SOAP
Faults"; docs/outcomes.md has the same table for readers.
"""

from dataclasses import dataclass
from enum import StrEnum

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
    says_no_right,
)

from .call_method import CallMethod


class Outcome(StrEnum):
    """Result of one attempt, as stored and exported."""

    POSTED = "posted"
    UNSUBSCRIBED_WITHOUT_EVENT = "unsubscribed_without_event"
    ALREADY_UNSUBSCRIBED = "already_unsubscribed"
    ALREADY_SUBSCRIBED = "already_subscribed"
    TRY_LATER = "try_later"
    REFUSED = "refused"
    MISCONFIGURED = "misconfigured"
    UNKNOWN = "unknown"
    INTERNAL_ERROR = "internal_error"


class Step(StrEnum):
    """What happens to the request after an attempt."""

    FINISH = "finish"
    RETRY = "retry"
    REFUSE = "refuse"
    HOLD = "hold"


class Backpressure(StrEnum):
    """How far a failure reaches: this row only, or the whole business unit."""

    NONE = "no"
    RATE_LIMIT = "rate_limit"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Result of one attempt and how to proceed.

    `retry_after` is in seconds. `tries` limits the attempts that this failure may use (None: until
    the retry horizon). `at_once` skips the backoff. `fallback` is how a refused unsubscribe is sent
    once more. `of_call`: what is misconfigured concerns this kind of call alone, such as a missing
    right. `names_nobody`: the refusal says nothing about the subscriber's data, so that others may
    be refused alike.
    """

    outcome: Outcome
    error_code: int | None = None
    status_code: str = ""
    detail: str = ""
    sfmc_request_id: str = ""
    retry_after: float | None = None
    backpressure: Backpressure = Backpressure.NONE
    tries: int | None = None
    at_once: bool = False
    fallback: CallMethod | None = None
    of_call: bool = False
    names_nobody: bool = False

    @property
    def is_of_marketing_cloud(self) -> bool:
        """Whether the verdict says anything about Marketing Cloud: not where no call was made, nor
        where this application failed."""
        is_called = self not in (NOT_CALLED, STOPPING, HELD_BACK, NO_CALL_FREE, NEXT_MESSAGE)
        return is_called and self.outcome is not Outcome.INTERNAL_ERROR

    def step(self, attempts: int) -> Step:
        """Return the next step of a request after attempt number `attempts` (from 1)."""
        if self.fallback is not None:
            return Step.RETRY
        if self.tries is not None and attempts >= self.tries:
            return Step.REFUSE
        return _STEPS[self.outcome]


# For rows that did not fit into the time of their batch's lease: they go with the next batch.
NO_TIME_LEFT = Verdict(outcome=Outcome.TRY_LATER, detail="no time left", at_once=True)
# For rows that cannot be in the same message as others of their batch.
NEXT_MESSAGE = Verdict(outcome=Outcome.TRY_LATER, detail="goes in the next message", at_once=True)
# For a batch whose lease had ended, or was about to end, directly before its call.
NOT_CALLED = Verdict(outcome=Outcome.TRY_LATER, detail="the lease ended before the call")
# For a batch whose worker was told to stop before its call.
STOPPING = Verdict(outcome=Outcome.TRY_LATER, detail="the worker stopped", at_once=True)
# For a batch whose queue was held or paused while it waited for its call.
HELD_BACK = Verdict(outcome=Outcome.TRY_LATER, detail="the queue was stopped", at_once=True)
# For a batch that waited for a call of this process, which then had none.
NO_CALL_FREE = Verdict(outcome=Outcome.TRY_LATER, detail="no call was free", at_once=True)

# Attempts with these details made no call.
WITHOUT_CALL = tuple(
    one.detail
    for one in (NO_TIME_LEFT, NEXT_MESSAGE, NOT_CALLED, STOPPING, HELD_BACK, NO_CALL_FREE)
)

_STEPS = {
    Outcome.POSTED: Step.FINISH,
    Outcome.UNSUBSCRIBED_WITHOUT_EVENT: Step.FINISH,
    Outcome.ALREADY_UNSUBSCRIBED: Step.FINISH,
    Outcome.ALREADY_SUBSCRIBED: Step.FINISH,
    Outcome.TRY_LATER: Step.RETRY,
    Outcome.UNKNOWN: Step.RETRY,
    Outcome.INTERNAL_ERROR: Step.RETRY,
    Outcome.REFUSED: Step.REFUSE,
    Outcome.MISCONFIGURED: Step.HOLD,
}

# 401: already unsubscribed from this list. 12012: from everything. 12009: the list does not hold
# the subscriber. Nothing is left to do.
MASTER_UNSUBSCRIBED = 12012
_ALREADY = frozenset({401, 12009, MASTER_UNSUBSCRIBED})
# 400, 402-409: subscriber validation. 12001, 12015: no such subscriber. 5, 6, 8: our message is
# wrong. 12018: an unsubscribed subscriber must not be resubscribed by the API.
_REFUSED = frozenset({400, *range(402, 410), 12001, 12015, 12018, 5, 6, 8})
_TRY_LATER = frozenset({2, 9, 10, 13, 17})
_MISCONFIGURED = frozenset({11, 12})
_FAILED_UNSUBSCRIBE = frozenset({12008, 12013})
# Of the refusals, these are about our message, not about the subscriber.
_OUR_MESSAGE = frozenset({402, 5, 6, 8})
_DOCUMENTED = _ALREADY | _REFUSED | _TRY_LATER | _MISCONFIGURED | _FAILED_UNSUBSCRIBE
_BACKPRESSURE = {9: Backpressure.MAINTENANCE, 17: Backpressure.RATE_LIMIT}
# For 12008 and 12013 (the unsubscribe itself failed) and undocumented codes: one retry in case the
# cause was temporary, then a person must look.
_SECOND_CHANCE = 2
_NO_RIGHT = "no right for this call"


def read_result(result: CallResult, *, request_id: str = "") -> Verdict:
    """Return the verdict on one result. StatusCode comes first: ErrorCode may be 0 or absent on an
    error (manual: "Execute")."""
    outcome, tries = _classify(result)
    is_misconfigured = outcome is Outcome.MISCONFIGURED
    return Verdict(
        outcome=outcome,
        error_code=result.error_code,
        status_code=result.status_code[:40],
        detail=_NO_RIGHT if is_misconfigured else _wrong_columns(result),
        sfmc_request_id=request_id[:64],
        backpressure=_BACKPRESSURE.get(result.error_code or 0, Backpressure.NONE)
        if outcome is Outcome.TRY_LATER
        else Backpressure.NONE,
        tries=tries,
        of_call=is_misconfigured,
        names_nobody=outcome in (Outcome.REFUSED, Outcome.TRY_LATER)
        and not result.wrong_columns
        and _names_nobody(result.error_code),
    )


def _wrong_columns(result: CallResult) -> str:
    """Return which columns of a data extension refused their values, by name alone."""
    columns = ", ".join(dict.fromkeys(filter(None, result.wrong_columns)))
    return f"columns refused: {columns}"[:200] if result.wrong_columns else ""


def _names_nobody(code: int | None) -> bool:
    """Return whether an error code says nothing about the subscriber: it is about our message,
    undocumented, or absent."""
    is_of_subscribers = code is not None and (400 <= code < 500 or 12000 <= code < 12100)
    return code in _OUR_MESSAGE or not (is_of_subscribers or code in _DOCUMENTED)


def _classify(result: CallResult) -> tuple[Outcome, int | None]:
    """Return the outcome of a result, and the most attempts it may use (None: no limit)."""
    if result.status_code == "OK":
        return Outcome.POSTED, None
    # Of a row in a data extension, whatever code there is: the manual gives none.
    if result.wrong_columns or result.error_code in _REFUSED:
        return Outcome.REFUSED, None
    if result.error_code in _ALREADY:
        return Outcome.ALREADY_UNSUBSCRIBED, None
    if result.error_code in _TRY_LATER:
        return Outcome.TRY_LATER, None
    if result.error_code in _MISCONFIGURED or _says_no_right(result):
        return Outcome.MISCONFIGURED, None
    return Outcome.TRY_LATER, _SECOND_CHANCE


def _says_no_right(result: CallResult) -> bool:
    """Return whether an error without a documented code says that a right is missing."""
    return result.error_code not in _DOCUMENTED and says_no_right(result.status_message)


def read_reply(reply: CallReply, *, sent: int) -> tuple[Verdict, ...] | None:
    """Return a verdict per request in the order sent. None where results cannot be assigned to
    requests: the caller must then send each request alone."""
    request_id = reply.request_id or ""
    if len(reply.results) == sent:
        ordered = _in_order(reply.results)
        if ordered is None:
            return None
        return tuple(read_result(one, request_id=request_id) for one in ordered)
    if sent > 1:
        return None
    return (_without_result(reply, request_id),)


def _in_order(results: tuple[CallResult, ...]) -> tuple[CallResult, ...] | None:
    """Return the results in the order of the requests; None where the OrdinalIDs contradict each
    other or the order received, so that a result may belong to another request.

    Where every result has one, they decide: a permutation of 0..n-1, or 1..n in order. Where some
    have none, as successes do, those that are there must be the positions.
    """
    ordinals = [result.ordinal_id for result in results]
    positions = list(range(len(results)))
    if len(results) == 1 or ordinals == [position + 1 for position in positions]:
        return results
    if all(ordinal in (None, position) for position, ordinal in enumerate(ordinals)):
        return results
    if None in ordinals or sorted(o for o in ordinals if o is not None) != positions:
        return None
    return tuple(sorted(results, key=lambda result: result.ordinal_id or 0))


def _without_result(reply: CallReply, request_id: str) -> Verdict:
    """Return the verdict on a reply without a usable result for the only request sent."""
    if reply.overall_status.startswith("Error:") and not reply.results:
        # "Unable to find a handler": the request's name is unknown. An error of this project or of
        # the account, and no person's: every request would be answered so.
        return Verdict(
            outcome=Outcome.MISCONFIGURED,
            status_code="Error",
            detail="no handler for the request",
            sfmc_request_id=request_id,
            of_call=True,
        )
    return Verdict(outcome=Outcome.UNKNOWN, detail="number of results", sfmc_request_id=request_id)


def read_error(err: SfmcError) -> Verdict:
    """Return the verdict on a call that raised instead of returning a reply."""
    outcome = Outcome.UNKNOWN
    backpressure = Backpressure.NONE
    if isinstance(err, MisconfiguredError):
        outcome = Outcome.MISCONFIGURED
    elif isinstance(err, PermanentError):
        outcome = Outcome.REFUSED
    elif isinstance(err, TransientError):
        outcome = Outcome.TRY_LATER
        backpressure = _backpressure_of(err)
    return Verdict(
        outcome=outcome,
        error_code=err.code,
        detail=str(err)[:200],
        sfmc_request_id=(err.request_id or "")[:64],
        retry_after=err.retry_after,
        backpressure=backpressure,
        of_call=err.is_no_right,
        # Without a reply it is this one message that could not be written.
        names_nobody=outcome is Outcome.REFUSED and err.http_status is not None,
    )


def read_status(status: SystemStatus) -> Verdict | None:
    """Return the verdict on a GetSystemStatus reply, or None where there is no reason to wait."""
    if status is SystemStatus.OK:
        return None
    backpressure = (
        Backpressure.MAINTENANCE if status is SystemStatus.IN_MAINTENANCE else Backpressure.NONE
    )
    return Verdict(outcome=Outcome.TRY_LATER, detail=status.value, backpressure=backpressure)


def _backpressure_of(err: TransientError) -> Backpressure:
    if isinstance(err, RateLimitedError):
        return Backpressure.RATE_LIMIT
    return Backpressure.MAINTENANCE if isinstance(err, InMaintenanceError) else Backpressure.NONE
