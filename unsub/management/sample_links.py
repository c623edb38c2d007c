"""Links as the snippet of docs/links.md makes them in each situation, for the sandbox's page.

The claims are those that Marketing Cloud would write: the snippet's own text, with its attributes
filled in. They are signed with this deployment's key, and read as the web service reads them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from joserfc import jws

from unsub.domain.context import Effect, UnsubContext
from unsub.links.ampscript import snippet
from unsub.links.keyring import Keyring
from unsub.links.tokens import LinkError, LinkFault, read_link

# The sandbox's sample data: a subscriber, and jobs and lists of one unit.
ADA, LIST, ALL_SUBSCRIBERS = "ada-1001", "7001", 7000
# Subscribers of their own, for keys that are hard to write. Beyond all generated SubscriberIDs.
_FIRST_ODD = 990000001
_ODD_KEYS = (
    "O'Brien",
    'Ada "the first"',
    "DOMAIN\\ada",
    'ends with \\"',
    'x","scope":"all',
    "Köln 😀",
    "with blanks and & < >",
)
ODD_SUBSCRIBERS: Mapping[int, str] = {
    _FIRST_ODD + index: key for index, key in enumerate(_ODD_KEYS)
}

_NORMAL = {
    "_subscriberkey": ADA,
    "subscriberid": "1001",
    "jobid": "88002",
    "listid": LIST,
    "_JobSubscriberBatchID": "0",
    "_messagecontext": "SEND",
}
_PEOPLE = (
    "SEND", "VAWP", "FTAF", "LINKRESOLUTION", "LANDINGPAGE", "SITE", "SOCIAL", "SMS", "VIEWSENT",
    "SEND ", "",
)  # fmt: skip
_TESTS = ("PREVIEW", "VALIDATION", "preview")
_NO_JOB = {"jobid": "", "listid": "", "_JobSubscriberBatchID": ""}
_PART = re.compile(r"'([^']*)'|AttributeValue\(\"(\w+)\"\)|(@key)")
_CLAIMS = re.compile(r"SET @claims = Concat\((.*?)\}'\)\n", re.DOTALL)


class Verdict(StrEnum):
    """What becomes of a link: a link does not work if it is refused, or if its call is."""

    WORKS = "works"
    TEST = "test"
    FAILS = "does not work"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLink:
    """One situation, the claims that the snippet writes in it, and what the link does. `call` lists
    the parameters of LogUnsubEvent, "" where none is made."""

    group: str
    case: str
    claims: str
    url: str
    effect: str
    call: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A situation: the attributes that differ from the normal ones, and the scope of the
    snippet."""

    group: str
    case: str
    attributes: Mapping[str, str]
    scope: str = "list"
    escaped: bool = True


def sample_links(*, address: str, mid: int, keys: Keyring) -> list[SampleLink]:
    """Return the links of every situation, each under `address`. Raises ValueError where no key
    can sign for the unit under HS256."""
    key = keys.signer(mid, algorithm="HS256").signing_key()
    header = {"alg": "HS256", "typ": "JWT"}
    found = []
    for case in _cases():
        claims = _written(case, mid)
        token = jws.serialize_compact(header, claims, key)
        effect, call, verdict = _what_it_does(token, keys, case)
        found.append(
            SampleLink(
                group=case.group,
                case=case.case,
                claims=claims,
                url=f"{address}/u/{token}",
                effect=effect,
                call=call,
                verdict=verdict,
            )
        )
    return found


def _cases() -> Iterator[_Case]:
    yield from _contexts()
    yield from _empty()
    yield from _keys()
    yield from _lists()


def _contexts() -> Iterator[_Case]:
    group = "Where the email is read (_messagecontext)"
    for value in (*_PEOPLE, *_TESTS):
        name = value.replace(" ", "\N{OPEN BOX}") or "empty"
        yield _Case(group=group, case=name, attributes={"_messagecontext": value})
    group = "An email that was not rendered"
    for name in ("_subscriberkey", "subscriberid", "jobid", "_messagecontext"):
        yield _Case(group=group, case=f"%%{name}%%", attributes={name: f"%%{name}%%"})


def _empty() -> Iterator[_Case]:
    group = "Empty attributes"
    nobody = {"subscriberid": "", "_subscriberkey": ""}
    for case, attributes in (
        ("no SubscriberID", {"subscriberid": ""}),
        ("no SubscriberKey", {"_subscriberkey": ""}),
        ("neither of them", nobody),
        ("neither of them, in a preview", nobody | {"_messagecontext": "PREVIEW"}),
        ("no JobID", {"jobid": ""}),
        ("JobID and ListID 0", {"jobid": "0", "listid": "0"}),
        ("no ListID", {"listid": ""}),
        ("no BatchID", {"_JobSubscriberBatchID": ""}),
        ("no JobID, ListID or BatchID", _NO_JOB),
        ("no MID", {"memberid": ""}),
        ("all of them", dict.fromkeys((*_NORMAL, "memberid"), "")),
    ):
        yield _Case(group=group, case=case, attributes=attributes)


def _keys() -> Iterator[_Case]:
    group = "SubscriberKeys, written by the snippet"
    long = {"_subscriberkey": "x" * 255}
    yield _Case(group=group, case="longer than 254 characters", attributes=long)
    yield from _odd_keys(group, escaped=True)
    yield from _odd_keys("The same without its Replace: a mistake", escaped=False)


def _odd_keys(group: str, *, escaped: bool) -> Iterator[_Case]:
    for subscriber_id, key in ODD_SUBSCRIBERS.items():
        attributes = {"subscriberid": str(subscriber_id), "_subscriberkey": key}
        yield _Case(group=group, case=key, attributes=attributes, escaped=escaped)


def _lists() -> Iterator[_Case]:
    group = "Lists"
    everything = {"listid": str(ALL_SUBSCRIBERS)}
    for scope in ("list", "all"):
        for case, attributes in (
            ("a publication list", {}),
            ("the All Subscribers list", everything),
            ("no list, with a job", {"listid": ""}),
            ("no list and no job", _NO_JOB),
        ):
            name = f"{case}, scope {scope}"
            yield _Case(group=group, case=name, attributes=attributes, scope=scope)


def _written(case: _Case, mid: int) -> str:
    """Return the claims as AMPscript puts them together."""
    text = snippet(address="", key_name="key", scope=case.scope)
    inside = _CLAIMS.search(text)
    if inside is None:
        raise ValueError("the snippet has no claims")
    attributes = {"memberid": str(mid), **_NORMAL, **case.attributes}
    key = attributes["_subscriberkey"]
    if case.escaped:
        key = key.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        literal or (key if variable else attributes.get(name, ""))
        for literal, name, variable in _PART.findall(f"{inside[1]}}}'")
    )


def _what_it_does(token: str, keys: Keyring, case: _Case) -> tuple[str, str, Verdict]:
    """Return what the link does, the parameters of its call, and what becomes of it."""
    try:
        context = read_link(token, keys=keys, default_mid=None)
    except LinkError as err:
        is_test = err.reason is LinkFault.EMPTY_TEST
        return _refusal(err), "", Verdict.TEST if is_test else Verdict.FAILS
    if context.is_test:
        return "A test link: the page says so. Nothing is recorded.", "", Verdict.TEST
    parameters = context.parameters(all_subscribers_list_id=None)
    call = ", ".join(f"{name} {value}" for name, value in parameters)
    if context.subscriber.subscriber_key not in {None, case.attributes.get("_subscriberkey"), ADA}:
        return "Marketing Cloud refuses the call (405): this is another key.", call, Verdict.FAILS
    return _promise(context), call, Verdict.WORKS


def _promise(context: UnsubContext) -> str:
    if context.job.list_id == ALL_SUBSCRIBERS:
        return "Unsubscribes from everything: this is the All Subscribers list."
    if context.effect is Effect.FROM_EVERYTHING:
        return "Unsubscribes from everything."
    return "Unsubscribes from this list."


def _refusal(err: LinkError) -> str:
    if err.reason is LinkFault.EMPTY_TEST:
        return "A test link without a subscriber: the page says so. Nothing is recorded."
    if err.reason is LinkFault.NO_UNIT:
        return "Works only where the deployment has one business unit: it names none."
    claim = f" ({err.claim})" if err.claim else ""
    return f"Refused: {_REASONS.get(err.reason, err.reason.value)}{claim}."


_REASONS = {
    LinkFault.BAD_CLAIM: "a claim cannot be used",
    LinkFault.NOT_AN_OBJECT: "the claims are no JSON",
    LinkFault.DUPLICATE_NAME: "a claim is there twice",
    LinkFault.WRONG_UNIT: "the key is another unit's",
}
