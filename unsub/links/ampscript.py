"""Generate the AMPscript that signs links at send time: docs/links.md explains it."""

import re

_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,36}")
_SNIPPET = r"""%%[
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
  SET @unsubscribe = Concat("ADDRESS/u/",
    GetJWTByKeyName("KEY", "HS256", @claims))
]%%
<a href="%%=RedirectTo(@unsubscribe)=%%">Unsubscribe</a>"""
# The profile centre only opens for links of known age. DateDiff gives minutes in Marketing Cloud's
# own time, which is UTC-6 all year; Now(1) is the time of the send, also in "View as a web page".
_MADE = """\
  SET @made = Add(Multiply(DateDiff("1970-01-01", Now(1), "MI"), 60), 21600)
"""
_AGE = """\
    '","iat":"',  @made,
"""
_BOTH = r"""  SET @token = GetJWTByKeyName("KEY", "HS256", @claims)
  SET @unsubscribe = Concat("ADDRESS/u/", @token)
  SET @lists = Concat("ADDRESS/p/", @token)
]%%
<a href="%%=RedirectTo(@unsubscribe)=%%">Unsubscribe</a>
<a href="%%=RedirectTo(@lists)=%%">Your lists</a>"""
_SUBSCRIBER_KEY = re.compile(r"^  SET @key.*\n|^.*@key,\n", re.MULTILINE)


def is_key_name(name: str) -> bool:
    """Return whether this can be the external key of a key in Key Management."""
    return bool(_KEY_NAME.fullmatch(name))


def snippet(
    *,
    address: str,
    key_name: str,
    scope: str,
    with_subscriber_key: bool = True,
    with_centre: bool = False,
) -> str:
    """Return the snippet for links that begin with `address`; `with_centre` adds a link to the
    profile centre. Raises ValueError for a key name that would need escaping."""
    if not is_key_name(key_name):
        raise ValueError("a key's name has letters, digits, - and _, at most 36")
    text = _SNIPPET if with_subscriber_key else _SUBSCRIBER_KEY.sub("", _SNIPPET)
    text = _with_centre(text) if with_centre else text
    return text.replace("SCOPE", scope).replace("ADDRESS", address).replace("KEY", key_name)


def _with_centre(text: str) -> str:
    """Return the snippet with the time of the send, and a second link to the profile centre."""
    head, _, _ = text.partition("  SET @unsubscribe")
    head = head.replace("  SET @claims", f"{_MADE}  SET @claims")
    return head.replace('    \'","scope"', f'{_AGE}    \'","scope"') + _BOTH
