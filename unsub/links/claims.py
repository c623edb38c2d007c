"""Claims of a link <-> UnsubContext: the table in docs/links.md. No I/O."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from unsub.domain.context import (
    ID_MAX,
    MID_MAX,
    UNRESOLVED,
    ContextError,
    JobContext,
    Scope,
    SubscriberContext,
    UnsubContext,
)

NAMES = frozenset(
    (
        "v",
        "mid",
        "sid",
        "sk",
        "em",
        "jid",
        "lid",
        "bid",
        "scope",
        "ctx",
        "exp",
        "iat",
        "prv",
        "lang",
    )
)
_DIGITS = re.compile(r"[0-9]{1,40}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
# What Marketing Cloud leaves where it did not render the email.
_UNRESOLVED = re.compile(r"%%.*%%", re.DOTALL)
_LAST_SECOND = 2**53  # of times: beyond it floats are not exact


class ClaimError(ContextError):
    """A claim of a signed link cannot be used. `claim` is its name; the message contains nothing of
    its value."""

    def __init__(self, claim: str) -> None:
        super().__init__(f"{claim} cannot be used")
        self.claim = claim


def context_of(claims: Mapping[str, Any], *, default_mid: int | None) -> UnsubContext:
    """Return the context that a link's claims describe. Raises ClaimError.

    `v`, `ctx`, `exp`, `iat` and `lang` never refuse a link, whatever is in them. `sk` and `em` do
    not beside a `sid`. The others are never guessed: without a `jid` or `lid`, for example, "this
    list" would become "everything".
    """
    message_context = message_context_of(claims)
    claims = {name: value for name, value in claims.items() if not _is_unresolved(value)}
    mid = _id(claims, "mid", most=MID_MAX)
    mid = default_mid if mid is None else mid
    if mid is None:
        raise ClaimError("mid")
    scope = _scope(claims)
    return UnsubContext(
        mid=mid,
        subscriber=_subscriber(claims),
        job=_job(claims),
        scope=scope or Scope.LIST,
        scope_is_explicit=scope is not None,
        message_context=message_context,
        expires_at=_moment(claims, "exp"),
        issued_at=_moment(claims, "iat"),
        proved_until=_moment(claims, "prv"),
        language=_language(claims),
    )


def message_context_of(claims: Mapping[str, Any]) -> str:
    """Return `_messagecontext` as the link has it, trimmed, or UNRESOLVED where any claim holds a
    placeholder that Marketing Cloud did not replace."""
    if any(_is_unresolved(claims.get(name)) for name in NAMES):
        return UNRESOLVED
    value = claims.get("ctx")
    return value.strip() if isinstance(value, str) else ""


def job_of(claims: Mapping[str, Any]) -> int | None:
    """Return the JobID of a link that cannot be used, to name it in an alarm; None where there is
    none."""
    try:
        return _id(claims, "jid")
    except ContextError:
        return None


def has_no_mid(claims: Mapping[str, Any]) -> bool:
    """Return whether a link leaves its business unit open."""
    value = claims.get("mid")
    return value is None or str(value).strip() in {"", "0"}


def mid_of(claims: Mapping[str, Any]) -> int | None:
    """Return the MID of a link that cannot be used; None where there is none."""
    try:
        return _id(claims, "mid", most=MID_MAX)
    except ContextError:
        return None


def payload_of(context: UnsubContext) -> str:
    """Return the claims of a context as compact JSON. Absent values are left out."""
    who, job = context.subscriber, context.job
    claims = {
        "v": 1,
        "mid": context.mid,
        "sid": who.subscriber_id,
        "sk": who.subscriber_key,
        "em": who.email_address,
        "jid": job.job_id,
        "lid": job.list_id,
        "bid": job.batch_id,
        "scope": context.scope.value if _names_scope(context) else None,
        "ctx": context.message_context or None,
        "exp": context.expires_at,
        "iat": context.issued_at,
        "prv": context.proved_until,
        "lang": context.language,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


def _names_scope(context: UnsubContext) -> bool:
    return context.scope_is_explicit or context.scope is not Scope.LIST


def _subscriber(claims: Mapping[str, Any]) -> SubscriberContext:
    """Return the subscriber. Beside a `sid` an unusable `sk` or `em` is dropped."""
    subscriber_id = _id(claims, "sid")
    found: dict[str, str | None] = {}
    for claim, name in (("sk", "subscriber_key"), ("em", "email_address")):
        try:
            found[name] = _text(claims, claim)
            if found[name] is not None:
                SubscriberContext(**{name: found[name]})  # type: ignore[arg-type]
        except ContextError:
            if subscriber_id is None:
                raise ClaimError(claim) from None
            found[name] = None
    try:
        return SubscriberContext(subscriber_id=subscriber_id, **found)
    except ContextError:
        raise ClaimError("sid") from None


def _job(claims: Mapping[str, Any]) -> JobContext:
    """Return the job context. A BatchID of 0 is a value beside a JobID or ListID, else absent."""
    job_id, list_id = _id(claims, "jid"), _id(claims, "lid")
    batch_id = _number(claims, "bid", most=ID_MAX)
    if batch_id == 0 and job_id is None and list_id is None:
        batch_id = None
    return JobContext(job_id=job_id, list_id=list_id, batch_id=batch_id)


def _scope(claims: Mapping[str, Any]) -> Scope | None:
    """Return the scope that the link names, or None. Raises ClaimError for another value."""
    text = (_text(claims, "scope") or "").strip().lower()
    try:
        return Scope(text) if text else None
    except ValueError:
        raise ClaimError("scope") from None


def _language(claims: Mapping[str, Any]) -> str | None:
    """Return a language tag (BCP 47), or None for anything else. Marketing Cloud writes locales
    with an underscore."""
    tag = claims.get("lang")
    tag = tag.strip().replace("_", "-") if isinstance(tag, str) else ""
    return tag if _LANGUAGE.fullmatch(tag) else None


def _moment(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a time in seconds since 1970: of a number, of its text, or of a date (ISO 8601; UTC
    where it names no zone). None for anything else."""
    value = claims.get(name)
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_of_date(text)
    return int(seconds) if 0 <= seconds < _LAST_SECOND else None


def _seconds_of_date(text: str) -> float:
    """Return the seconds since 1970 of a date or time; -1 where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return -1


def _is_unresolved(value: Any) -> bool:
    return isinstance(value, str) and _UNRESOLVED.search(value) is not None


def _id(claims: Mapping[str, Any], name: str, most: int = ID_MAX) -> int | None:
    """Return an ID. Empty and 0 are absent: previews and test sends have them."""
    return _number(claims, name, most=most) or None


def _number(claims: Mapping[str, Any], name: str, *, most: int) -> int | None:
    """Return a claim of digits as an integer, or None where it is empty. Raises ClaimError."""
    value = claims.get(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < _LAST_SECOND:
        value = int(value)
    if isinstance(value, str):
        value = value.strip()
        # ASCII digits only: int() would also accept "٣" and "1_0".
        value = int(value) if _DIGITS.fullmatch(value) else value or None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ClaimError(name)
    return value


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """Return a claim as text, or None where it is empty. An integer becomes its digits. Raises
    ClaimError."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ClaimError(name)
    return str(value) or None
