"""Claims of a link <-> UnsubContext: the table in docs/links.md. No I/O."""

import json
import re
from collections.abc import Mapping
from typing import Any

from unsub.domain.context import ContextError, JobContext, Scope, SubscriberContext, UnsubContext

_DIGITS = re.compile(r"[0-9]{1,40}")
_SECONDS = re.compile(r"[1-9][0-9]{8,10}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


def context_of(claims: Mapping[str, Any], *, default_mid: int | None) -> UnsubContext:
    """Return the context that a link's claims describe. Raises ContextError, which names the claim
    and never its value."""
    if _number(claims, "v") not in (None, 1):
        raise ContextError("v is not 1")
    mid = _id(claims, "mid")
    mid = default_mid if mid is None else mid
    if mid is None:
        raise ContextError("mid is missing")
    scope = _scope(claims)
    return UnsubContext(
        mid=mid,
        subscriber=SubscriberContext(
            subscriber_id=_id(claims, "sid"),
            subscriber_key=_text(claims, "sk"),
            email_address=_text(claims, "em"),
        ),
        job=_job(claims),
        scope=scope or Scope.LIST,
        scope_is_explicit=scope is not None,
        message_context=_text(claims, "ctx") or "",
        expires_at=_number(claims, "exp"),
        issued_at=_moment(claims, "iat"),
        language=_language(claims),
    )


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
        "lang": context.language,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


def _names_scope(context: UnsubContext) -> bool:
    return context.scope_is_explicit or context.scope is not Scope.LIST


def _job(claims: Mapping[str, Any]) -> JobContext:
    """Return the job context. A BatchID of 0 is a value beside a JobID or ListID, else absent."""
    job_id, list_id = _id(claims, "jid"), _id(claims, "lid")
    batch_id = _number(claims, "bid")
    if batch_id == 0 and job_id is None and list_id is None:
        batch_id = None
    return JobContext(job_id=job_id, list_id=list_id, batch_id=batch_id)


def _scope(claims: Mapping[str, Any]) -> Scope | None:
    """Return the scope that the link names, or None. Raises ContextError for another value."""
    text = _text(claims, "scope")
    try:
        return Scope(text) if text else None
    except ValueError:
        raise ContextError("scope is neither list nor all") from None


def _language(claims: Mapping[str, Any]) -> str | None:
    """Return a well-formed language tag, or None. A malformed tag never refuses a link."""
    tag = claims.get("lang")
    return tag if isinstance(tag, str) and _LANGUAGE.fullmatch(tag) else None


def _moment(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a time in seconds since 1970, or None for anything else. A malformed time never
    refuses a link."""
    text = str(claims.get(name, ""))
    return int(text) if _SECONDS.fullmatch(text) else None


def _id(claims: Mapping[str, Any], name: str) -> int | None:
    """Return an ID. Empty and 0 are absent: previews and test sends have them."""
    return _number(claims, name) or None


def _number(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a claim of digits as an integer, or None where it is empty."""
    value = claims.get(name, "")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value == "":
        return None
    # ASCII digits only: int() would also accept "٣", "1_0" and " 7 ".
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise ContextError(f"{name} is no number")
    return int(value)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """Return a claim as text, or None where it is empty. An integer becomes its digits."""
    value = claims.get(name, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ContextError(f"{name} is no text")
    return str(value) or None
