"""The link in an email that confirms a request: the request's id, signed.

It contains no personal data. It proves only that its holder received an email at the address that
it was sent to, so the page may show no more than that.
"""

import re
from datetime import timedelta

from django.core import signing

VALID_FOR = timedelta(days=7)
_TOKEN = re.compile(r"[A-Za-z0-9_:-]*")
_SALT = "unsub.confirm"


class NotConfirmedError(Exception):
    """The link is truncated, has no valid signature, or is older than VALID_FOR."""


def token_of(request_id: int) -> str:
    """Return the token that confirms a request."""
    return signing.dumps(request_id, salt=_SALT)


def request_of(token: str) -> int:
    """Return the id of the request that a token confirms. Raises NotConfirmedError."""
    # Email programs may append a full stop or a bracket that is not part of the link.
    whole = _TOKEN.match(token)
    try:
        found = signing.loads(whole[0] if whole else "", salt=_SALT, max_age=VALID_FOR)
    except signing.BadSignature:
        raise NotConfirmedError from None
    if not isinstance(found, int):
        raise NotConfirmedError
    return found
