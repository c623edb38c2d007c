"""The link in a mail by which a person confirms a wish: the number of its row, signed.

It names nobody. Who holds it got a mail at the address that it was sent to, which is all that is to
be shown.
"""

import re
from datetime import timedelta

from django.core import signing

VALID_FOR = timedelta(days=7)
_TOKEN = re.compile(r"[A-Za-z0-9_:-]*")
_SALT = "unsub.confirm"


class NotConfirmedError(Exception):
    """The link was cut, made by somebody else, or is too old."""


def token_of(request_id: int) -> str:
    """Return the token that confirms a wish."""
    return signing.dumps(request_id, salt=_SALT)


def request_of(token: str) -> int:
    """Return the number of the wish that a token confirms; raises NotConfirmedError."""
    # Mail programs put a full stop or a bracket behind a link that is none of its own.
    whole = _TOKEN.match(token)
    try:
        found = signing.loads(whole[0] if whole else "", salt=_SALT, max_age=VALID_FOR)
    except signing.BadSignature:
        raise NotConfirmedError from None
    if not isinstance(found, int):
        raise NotConfirmedError
    return found
