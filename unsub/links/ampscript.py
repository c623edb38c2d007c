"""Generate the AMPscript that signs links at send time: docs/links.md explains it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from .headers import list_unsubscribe

# Characters of {"alg":"HS256","typ":"JWT"} and of an HS256 signature in base64url.
_HEADER, _SIGNATURE = 36, 43
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,36}")
_CLAIMS = r"""%%[
  SET @key = Replace(Replace(AttributeValue("_subscriberkey"), '\', '\\'), '"', '\"')
  SET @claims = Concat(
    '{"mid":"',   AttributeValue("memberid"),
    '","sid":"',  AttributeValue("subscriberid"),
    '","sk":"',   @key,
    '","jid":"',  AttributeValue("jobid"),
    '","lid":"',  AttributeValue("listid"),
    '","bid":"',  AttributeValue("_JobSubscriberBatchID"),
    '","ctx":"',  AttributeValue("_messagecontext"),
    '","scope":"SCOPE","v":"1"}')
"""
_ADDRESS = r"""  SET @unsubscribe = Concat("ADDRESS/u/",
    GetJWTByKeyName("KEY", "HS256", @claims))
"""
# The profile centre only opens for links of known age. DateDiff gives minutes in Marketing Cloud's
# own time, which is UTC-6 all year; Now(1) is the time of the send, also in "View as a web page".
_MADE = """\
  SET @made = Add(Multiply(DateDiff("1970-01-01", Now(1), "MI"), 60), 21600)
"""
_AGE = """\
    '","iat":"',  @made,
"""
_ADDRESSES = r"""  SET @token = GetJWTByKeyName("KEY", "HS256", @claims)
  SET @unsubscribe = Concat("ADDRESS/u/", @token)
  SET @lists = Concat("ADDRESS/p/", @token)
"""
_SUBSCRIBER_KEY = re.compile(r"^  SET @key.*\n|^.*@key,\n", re.MULTILINE)


class Use(StrEnum):
    """Where a link is used. Each writes it in a form of its own: docs/links.md says why."""

    TRACKED = "tracked"  # a tracked link in the HTML of an email
    UNTRACKED = "untracked"
    TEXT = "text"  # the text part of an email
    CLOUDPAGE = "cloudpage"  # a CloudPage that leads on


# How a link to the address in a variable is written.
_LINKS = {
    Use.TRACKED: '<a href="%%=RedirectTo(@VARIABLE)=%%">LABEL</a>',
    # Written when the email is sent, so that Marketing Cloud finds no link to track.
    Use.UNTRACKED: """%%=Concat('<a href="', @VARIABLE, '">LABEL</a>')=%%""",
    Use.TEXT: "LABEL: http://%%=RedirectTo(@VARIABLE)=%%",
    Use.CLOUDPAGE: "%%=Redirect(@VARIABLE)=%%",
}


def is_key_name(name: str) -> bool:
    """Return whether this can be the external key of a key in Key Management."""
    return bool(_KEY_NAME.fullmatch(name))


def snippet(
    *,
    address: str,
    key_name: str,
    scope: str,
    use: Use = Use.TRACKED,
    with_subscriber_key: bool = True,
    with_centre: bool = False,
) -> str:
    """Return the snippet for links that begin with `address`; `with_centre` adds a link to the
    profile centre, except on a CloudPage, which leads to one address. Raises ValueError for a key
    name that would need escaping."""
    if not is_key_name(key_name):
        raise ValueError("a key's name has letters, digits, - and _, at most 36")
    with_centre = with_centre and use is not Use.CLOUDPAGE
    claims = _CLAIMS
    if with_centre:
        claims = claims.replace("  SET @claims", f"{_MADE}  SET @claims")
        claims = claims.replace('    \'","scope"', f'{_AGE}    \'","scope"')
    if not with_subscriber_key:
        claims = _SUBSCRIBER_KEY.sub("", claims)
    links = [_link(use, "unsubscribe", "Unsubscribe")]
    if with_centre:
        links.append(_link(use, "lists", "Email preferences"))
    text = f"{claims}{_ADDRESSES if with_centre else _ADDRESS}]%%\n" + "\n".join(links)
    return text.replace("SCOPE", scope).replace("ADDRESS", address).replace("KEY", key_name)


def _link(use: Use, variable: str, label: str) -> str:
    return _LINKS[use].replace("VARIABLE", variable).replace("LABEL", label)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedHeaders:
    """Both List-Unsubscribe headers with AMPscript in them, and the lengths that they have with
    typical values: of the token, and of the longest line."""

    text: str
    token: int
    line: int
    has_mailto: bool


def headers(*, address: str, mailto: str, with_subscriber_key: bool = True) -> ScriptedHeaders:
    """Return the headers for the variable that the snippet sets; `mailto` may be ""."""
    token = "x" * _typical_length(with_subscriber_key=with_subscriber_key)
    made = list_unsubscribe(f"{address}/u/{token}", token=token, mailto=mailto, folded=True)
    text = made.text.replace(f"{address}/u/{token}", "%%=v(@unsubscribe)=%%")
    behind = len(f"{address}/u/") + 1
    return ScriptedHeaders(
        text=text.replace(token, f"%%=Substring(@unsubscribe, {behind})=%%"),
        token=len(token),
        line=made.line,
        has_mailto=made.has_mailto,
    )


def _typical_length(*, with_subscriber_key: bool) -> int:
    """Return the length of a token of the snippet: header, claims and signature in base64url, with
    IDs and a SubscriberKey of usual length."""
    claims = (
        '{"mid":"510001234","sid":"1234567890","jid":"12345678","lid":"123456","bid":"123",'
        '"ctx":"SEND","scope":"list","v":"1"}'
    )
    octets = len(claims) + (len('"sk":"",') + 36 if with_subscriber_key else 0)
    return _HEADER + 1 + -(-octets * 4 // 3) + 1 + _SIGNATURE
