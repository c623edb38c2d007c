"""Read and sign links: token <-> UnsubContext.

A token is a JWS as AMPscript's GetJWTByKeyName makes it (RFC 7515), or a JWE of this project's own
commands (RFC 7516, `dir` with A256GCM). No claim is used before a key of the keyring has verified
the token.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from joserfc import jwe, jws
from joserfc.errors import JoseError

from unsub.domain.context import TESTS, UnsubContext

from .claims import (
    NAMES,
    ClaimError,
    context_of,
    has_no_mid,
    job_of,
    message_context_of,
    mid_of,
    payload_of,
)
from .keyring import ANY_UNIT, HMACS, RSA, Keyring, LinkKey
from .repair import candidates

__all__ = [
    "Keyring",
    "LinkError",
    "LinkFault",
    "read_link",
    "repaired",
    "sign_link",
    "verify",
]

Value = TypeVar("Value")

TOKEN_MAX = 2048
PAYLOAD = "payload"  # in place of a claim's name: no claim can be read
_SEALED_DOTS = 4  # of a compact JWE
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){1,3}")
# Unknown header parameters are not refused: AMPscript and other issuers may add `kid` and the like.
_JWS_RULES = jws.JWSRegistry(algorithms=[*HMACS, *RSA], strict_check_header=False)
_JWE_RULES = jwe.JWERegistry(algorithms=["dir", "A256GCM"], strict_check_header=False)
# joserfc parses the header again, from deeper in the call stack: hence RecursionError.
_NO_PROOF = (JoseError, ValueError, TypeError, RecursionError)


class LinkFault(StrEnum):
    """Why a link was refused. The value is the label of the metric."""

    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    BAD_ALGORITHM = "bad_algorithm"
    BAD_SIGNATURE = "bad_signature"
    WRONG_UNIT = "wrong_unit"
    NO_UNIT = "no_unit"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_NAME = "duplicate_name"
    BAD_CLAIM = "bad_claim"
    EMPTY_TEST = "empty_test"  # a preview that names no subscriber


# The signature is good: no other reading of the text can be one.
SIGNED = frozenset(
    {
        LinkFault.WRONG_UNIT,
        LinkFault.NO_UNIT,
        LinkFault.NOT_AN_OBJECT,
        LinkFault.DUPLICATE_NAME,
        LinkFault.BAD_CLAIM,
        LinkFault.EMPTY_TEST,
    }
)


class LinkError(Exception):
    """A link was refused for `reason`. The message contains nothing of the token.

    Where the signature is good and a claim cannot be used, `claim` is its name (PAYLOAD: all of
    them), and `mid` and `job_id` are those of the link where it has them: a mistake in the email's
    template refuses the links of a whole send. Where the link's own `mid` cannot be believed, it is
    the unit of the key.
    """

    def __init__(
        self,
        reason: LinkFault,
        *,
        claim: str = "",
        mid: int | None = None,
        job_id: int | None = None,
    ) -> None:
        super().__init__(reason.value)
        self.reason, self.claim, self.mid, self.job_id = reason, claim, mid, job_id


def repaired(text: str, read: Callable[[str], Value]) -> tuple[str, Value]:
    """Return the first candidate that `read` accepts, and what it returns for it. Raises the
    LinkError of the text as it came where none is accepted, or that of a token with a good
    signature."""
    first: LinkError | None = None
    for token in candidates(text):
        try:
            return token, read(token)
        except LinkError as err:
            if err.reason in SIGNED:
                raise
            first = first or err
    raise first or LinkError(LinkFault.MALFORMED)


def read_link(token: str, *, keys: Keyring, default_mid: int | None) -> UnsubContext:
    """Return the context of a signed link. Raises LinkError.

    `default_mid` is the MID for links without `mid`: the deployment's only business unit, or None.
    The key that verified the link must speak for that MID or for all units (`*`).
    """
    claims, owners = _open(token, keys)
    if token.count(".") != _SEALED_DOTS:
        # A proof counts in a sealed link alone: only this application seals with it, and a key that
        # Marketing Cloud has makes signed links.
        claims.pop("prv", None)
    try:
        context = context_of(claims, default_mid=default_mid)
    except ClaimError as err:
        raise _unusable(claims, err.claim, owners) from None
    if not owners & {ANY_UNIT, str(context.mid)}:
        raise _of_another_unit(claims, owners)
    return context


def _unusable(claims: Mapping[str, Any], claim: str, owners: frozenset[str]) -> LinkError:
    """Return the error for a good signature over claims that cannot be used. A preview that names
    nobody is nobody's mistake."""
    mid, job_id = mid_of(claims), job_of(claims)
    if mid is not None and not owners & {ANY_UNIT, str(mid)}:
        return _of_another_unit(claims, owners)
    if message_context_of(claims).upper() in TESTS:
        return LinkError(LinkFault.EMPTY_TEST, mid=mid)
    if claim == "mid" and has_no_mid(claims):
        return LinkError(LinkFault.NO_UNIT, claim=claim, job_id=job_id)
    return LinkError(LinkFault.BAD_CLAIM, claim=claim, mid=mid, job_id=job_id)


def _of_another_unit(claims: Mapping[str, Any], owners: frozenset[str]) -> LinkError:
    """Return the error for a key that does not speak for the link's unit: a template that was
    copied from unit to unit has it in each email."""
    return LinkError(LinkFault.WRONG_UNIT, claim="mid", mid=_unit_of(owners), job_id=job_of(claims))


def _unit_of(owners: frozenset[str]) -> int | None:
    """Return the unit of the key that verified a token; None where the key is for all units, or
    that of several."""
    units = owners - {ANY_UNIT}
    return int(next(iter(units))) if len(units) == 1 else None


def verify(token: str, keys: Keyring) -> dict[str, Any]:
    """Return the claims of a token that a key of `keys` has signed. Raises LinkError. Checks
    neither the claims nor for which unit the key may speak: `read_link` does."""
    return _open(token, keys)[0]


def sign_link(
    context: UnsubContext, *, keys: Keyring, seal: bool = False, algorithm: str = "HS256"
) -> str:
    """Return the token of a link: a JWS under `algorithm`, or with `seal` a JWE, so that the URL
    reveals nothing.

    Raises ValueError where no key fits, or where the token would exceed TOKEN_MAX.
    """
    key = keys.signer(context.mid, algorithm=HMACS[0] if seal else algorithm)
    payload = payload_of(context)
    token = _sealed(payload, key) if seal else _signed(payload, key, algorithm)
    if len(token) > TOKEN_MAX:
        raise ValueError("the link would be too long")
    return token


def _sealed(payload: str, key: LinkKey) -> str:
    header = {"alg": "dir", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, payload, key.sealing_key(), registry=_JWE_RULES)


def _signed(payload: str, key: LinkKey, algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT"}
    return jws.serialize_compact(header, payload, key.signing_key(), registry=_JWS_RULES)


def _open(token: str, keys: Keyring) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the claims, and the owners (a MID or `*`) of all keys that verify the token."""
    if len(token) > TOKEN_MAX:
        raise LinkError(LinkFault.TOO_LONG)
    if not _COMPACT.fullmatch(token) or token.count(".") == 3:
        raise LinkError(LinkFault.MALFORMED)
    header = _header(token)
    unseal = _decrypted if token.count(".") == _SEALED_DOTS else _verified
    proofs = [
        (payload, key.owner)
        for key in keys.keys
        if (payload := unseal(token, header, key)) is not None
    ]
    if not proofs:
        raise LinkError(LinkFault.BAD_SIGNATURE)
    owners = frozenset(owner for _, owner in proofs)
    return _claims(proofs[0][0], owners), owners


def _header(token: str) -> Mapping[str, Any]:
    """Return the protected header. Raises LinkError unless this module supports its algorithm."""
    segment = token.partition(".")[0]
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        header = json.loads(text, object_pairs_hook=_once)
    except (binascii.Error, ValueError, RecursionError):
        raise LinkError(LinkFault.MALFORMED) from None
    if not isinstance(header, dict) or {"crit", "zip", "b64"} & header.keys():
        raise LinkError(LinkFault.MALFORMED)
    wanted = (*HMACS, *RSA) if token.count(".") == 2 else ("dir",)
    if header.get("alg") not in wanted or (wanted == ("dir",) and header.get("enc") != "A256GCM"):
        raise LinkError(LinkFault.BAD_ALGORITHM)
    return header


def _verified(token: str, header: Mapping[str, Any], key: LinkKey) -> bytes | None:
    """Return the payload if this key signed it, else None. A key is only tried with the algorithms
    of its own family (RFC 8725 section 3.1): an RSA public key must not serve as an HMAC secret."""
    if header["alg"] not in key.algorithms:
        return None
    try:
        signed = jws.deserialize_compact(token, key.signing_key(), registry=_JWS_RULES)
    except _NO_PROOF:
        return None
    return bytes(signed.payload)


def _decrypted(token: str, _header: Mapping[str, Any], key: LinkKey) -> bytes | None:
    """Return the payload if this key encrypted it, else None."""
    if key.is_pem:
        return None
    try:
        return jwe.decrypt_compact(token, key.sealing_key(), registry=_JWE_RULES).plaintext
    except _NO_PROOF:
        return None


def _claims(payload: bytes, owners: frozenset[str]) -> dict[str, Any]:
    """Return the payload as a dict. Raises LinkError where a claim is there twice: AMPscript
    inserts values into the JSON text unescaped, so a crafted SubscriberKey can add a second one.
    Names that are no claims are ignored, however often they are there."""
    try:
        claims = json.loads(payload.decode(), object_pairs_hook=_Claims)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, _Claims):
        raise LinkError(LinkFault.NOT_AN_OBJECT, claim=PAYLOAD, mid=_unit_of(owners))
    if repeated := sorted(claims.repeated & NAMES):
        raise LinkError(LinkFault.DUPLICATE_NAME, claim=repeated[0], mid=_unit_of(owners))
    return claims


class _Claims(dict[str, Any]):
    """A JSON object, and which of its names it has more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: set[str] = set()
        if len(self) != len(pairs):
            names = Counter(name for name, _ in pairs)
            self.repeated = {name for name, number in names.items() if number > 1}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a dict. Raises LinkError where a name occurs twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LinkError(LinkFault.DUPLICATE_NAME)
    return found
