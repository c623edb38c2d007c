"""The AMPscript that makes our links when a mail is sent: docs/links.md explains it. Pure."""

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
_SUBSCRIBER_KEY = re.compile(r"^  SET @key.*\n|^.*@key,\n", re.MULTILINE)


def is_key_name(name: str) -> bool:
    """Return whether this can be the external key of a key in Key Management."""
    return bool(_KEY_NAME.fullmatch(name))


def snippet(*, address: str, key_name: str, scope: str, with_subscriber_key: bool = True) -> str:
    """Return the snippet for links that begin with `address`. Raises ValueError for a key's name
    that would have to be escaped."""
    if not is_key_name(key_name):
        raise ValueError("a key's name has letters, digits, - and _, at most 36")
    text = _SNIPPET if with_subscriber_key else _SUBSCRIBER_KEY.sub("", _SNIPPET)
    return text.replace("SCOPE", scope).replace("ADDRESS", address).replace("KEY", key_name)
