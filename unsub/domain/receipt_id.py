"""The ID of a consent receipt: the number of its request, a mark that only this request has, and a
check character.

The mark is made of the request's random salt (`seal_salt`), not of a key: it stays the same when
keys change, cannot be guessed, and ends with the salt, which an erasure and retention remove. The
31 characters cannot be taken for one another; because 31 is a prime, the check character finds
every single wrong character and every two that changed places.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

ALPHABET = "023456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "CR"
_BASE = len(ALPHABET)
_MARK = 8  # characters: 31 ** 8 is 39 bits
_NUMBER = 4  # characters at least
_NUMBER_MAX = 2**63 - 1
_PURPOSE = b"profile-center consent receipt "
_WRITTEN = re.compile(
    rf"{PREFIX}([{ALPHABET}]{{{_NUMBER},13}})([{ALPHABET}]{{{_MARK}}})([{ALPHABET}])"
)
_SAME = str.maketrans({"O": "0"})


class ReceiptIdError(ValueError):
    """A text that is no receipt ID: mistyped, cut off, or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptId:
    """A receipt ID that was read or made. `number` is that of the request."""

    number: int
    mark: str

    @classmethod
    def of(cls, number: int, salt: UUID) -> Self:
        """Return the ID of the receipt of a request with this number and salt."""
        digest = hmac.digest(salt.bytes, _PURPOSE + str(number).encode(), "sha256")
        mark = _digits(int.from_bytes(digest[:8], "big") % _BASE**_MARK, _MARK)
        return cls(number=number, mark=mark)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the ID that somebody typed, in any letter case, with or without hyphens and
        spaces. Raises ReceiptIdError."""
        plain = re.sub(r"[\s\u2010-\u2015-]", "", text).upper().translate(_SAME)
        found = _WRITTEN.fullmatch(plain)
        if found is None or _check(found[1] + found[2]) != found[3]:
            raise ReceiptIdError
        number = _value(found[1])
        if number > _NUMBER_MAX:
            raise ReceiptIdError
        return cls(number=number, mark=found[2])

    def is_of(self, salt: UUID | None) -> bool:
        """Return whether the request with this ID's number has this salt."""
        if salt is None:
            return False
        return hmac.compare_digest(self.mark, type(self).of(self.number, salt).mark)

    def __str__(self) -> str:
        number = _digits(self.number, _NUMBER)
        check = _check(number + self.mark)
        return f"{PREFIX}-{number}-{self.mark[:4]}-{self.mark[4:]}{check}"


def looks_like_one(text: str) -> bool:
    """Return whether a text was meant as a receipt ID: one that is mistyped begins as one."""
    try:
        ReceiptId.read(text)
    except ReceiptIdError:
        return text.strip()[: len(PREFIX) + 1].upper() == f"{PREFIX}-"
    return True


def _digits(value: int, least: int) -> str:
    """Return a number in our characters, filled up with zeros."""
    found = ""
    while value:
        value, rest = divmod(value, _BASE)
        found = ALPHABET[rest] + found
    return found.rjust(least, ALPHABET[0])


def _value(text: str) -> int:
    value = 0
    for one in text:
        value = value * _BASE + ALPHABET.index(one)
    return value


def _check(text: str) -> str:
    """Return the check character: the sum of the places' values, each with another weight."""
    return ALPHABET[sum(at * ALPHABET.index(one) for at, one in enumerate(text, start=1)) % _BASE]
