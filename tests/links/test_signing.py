"""Signing and encrypting links: published test vectors and round trips."""

import dataclasses
import json
from typing import Any

import pytest

from tests.links.forge import (
    ADA,
    CHILD,
    OLDER,
    RING,
    SECRET,
    b64,
    fault,
    jwt,
    private_pem,
    public_pem,
    raw,
    read,
    rs256,
    rsa_key,
    sealed,
    unb64,
    unsealed,
)
from unsub.domain.context import SubscriberContext
from unsub.links.tokens import TOKEN_MAX, Keyring, LinkFault, read_link, sign_link, verify

HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
CONTEXT = read({**ADA, "sk": "ada-1001", "jid": "88002", "bid": 0, "scope": "list", "ctx": "SEND"})


@pytest.mark.parametrize(
    ("secret", "payload", "signature", "claims"),
    [
        (
            "sfmc-probe-secret-2026",
            "eyJzdWIiOiJwcm9iZSIsIm4iOjd9",
            "308Bu1Ma_gFb0_8RNujndwB8xJh6n3myT7xZ3h7BNhE",
            {"sub": "probe", "n": 7},
        ),
        (
            # It looks like Base64 and is used as the text that it is.
            "oGbE/i+gRbdjSen3sVYES5DylJE760qsgNWI77UBUdM=",
            "eyJzdWIiOiJhbXAtdmVyaWZ5IiwiaWF0IjoiMTcwMDAwMDAwMCJ9",
            "iC2IjXWi2m7E65Zp7BveyIXQY3uFbHaz1GUEcraTDhI",
            {"sub": "amp-verify", "iat": "1700000000"},
        ),
        (
            # The example token of jwt.io.
            "your-256-bit-secret",
            "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ",
            "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            {"sub": "1234567890", "name": "John Doe", "iat": 1516239022},
        ),
    ],
)
def test_a_published_token_is_verified_by_its_secret_alone(
    secret: str, payload: str, signature: str, claims: dict[str, Any]
) -> None:
    token = f"{HEAD}.{payload}.{signature}"
    assert verify(token, Keyring.from_json({"*": [SECRET, secret]})) == claims
    assert fault(token) is LinkFault.BAD_SIGNATURE
    assert fault(token, keys=Keyring.from_json({"*": [secret]})) is LinkFault.NO_UNIT


def test_a_key_that_looks_like_base64_is_not_decoded() -> None:
    secret = b64(SECRET.encode())
    ring = Keyring.from_json({"*": [secret]})
    assert fault(jwt(ADA, secret=SECRET), keys=ring) is LinkFault.BAD_SIGNATURE
    assert fault(jwt(ADA, secret=secret), keys=ring) is None


def test_a_secret_is_used_as_its_utf_8_bytes() -> None:
    secret = "schlüssel-schlüssel-schlüssel-🔑"
    assert fault(jwt(ADA, secret=secret), keys=Keyring.from_json({"*": [secret]})) is None


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_signed_link_equals_an_independently_signed_one(alg: str) -> None:
    token = sign_link(CONTEXT, keys=RING, algorithm=alg)
    head, body, _ = token.split(".")
    assert token == jwt(unb64(body), header=unb64(head), alg=alg)
    assert json.loads(unb64(head)) == {"alg": alg, "typ": "JWT"}
    assert read_link(token, keys=RING, default_mid=None) == CONTEXT


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_link_that_ampscript_signs_is_read(alg: str) -> None:
    assert fault(jwt(ADA, alg=alg)) is None


def test_the_default_header_is_the_vendors_own() -> None:
    assert sign_link(CONTEXT, keys=RING).startswith(HEAD + ".")


def test_an_rsa_link_is_signed_with_the_private_and_read_with_the_public_key() -> None:
    signing = Keyring.from_json({"*": [SECRET, private_pem(rsa_key(0))]})
    reading = Keyring.from_json({"510001": [public_pem()]})
    token = sign_link(CONTEXT, keys=signing, algorithm="RS256")
    for ring in (signing, reading):
        assert read_link(token, keys=ring, default_mid=None) == CONTEXT
    assert fault(rs256(ADA), keys=reading) is None
    assert fault(rs256({**ADA, "mid": 510002}), keys=reading) is LinkFault.WRONG_UNIT


def test_a_public_key_signs_nothing() -> None:
    public = public_pem()
    with pytest.raises(ValueError, match="no key in LINK_KEYS"):
        sign_link(CONTEXT, keys=Keyring.from_json({"*": [public]}), algorithm="RS256")
    both = Keyring.from_json({"*": [public, private_pem(rsa_key(1))]})
    token = sign_link(CONTEXT, keys=both, algorithm="RS256")
    assert fault(token, keys=Keyring.from_json({"*": [public_pem(1)]})) is None


def test_an_encrypted_link_hides_its_claims_and_is_read() -> None:
    token = sign_link(CONTEXT, keys=RING, seal=True)
    head, no_key, *rest = token.split(".")
    assert json.loads(unb64(head)) == {"alg": "dir", "enc": "A256GCM"}
    assert no_key == ""
    assert all(b"1001" not in unb64(part) for part in rest)
    assert read_link(token, keys=RING, default_mid=None) == CONTEXT


def test_encrypted_links_agree_with_an_independent_implementation() -> None:
    assert unsealed(sign_link(CONTEXT, keys=RING, seal=True))["sk"] == "ada-1001"
    assert read_link(sealed(ADA), keys=RING, default_mid=None) == read(ADA)


def test_encrypting_a_context_twice_gives_different_tokens() -> None:
    assert len({sign_link(CONTEXT, keys=RING, seal=True) for _ in range(20)}) == 20


def test_the_secret_itself_is_not_the_encryption_key() -> None:
    secret = "x" * 32
    token = sealed(ADA, key=secret.encode())
    assert fault(token, keys=Keyring.from_json({"*": [secret]})) is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("part", range(5))
def test_an_encrypted_link_that_was_changed_is_refused(part: int) -> None:
    parts = sign_link(CONTEXT, keys=RING, seal=True).split(".")
    changed = bytearray(unb64(parts[part]) or b"\x00" * 16)
    for place in (0, len(changed) // 2, len(changed) - 1):
        other = changed.copy()
        other[place] ^= 1
        token = ".".join([*parts[:part], b64(bytes(other)), *parts[part + 1 :]])
        assert fault(token) in (
            {LinkFault.BAD_SIGNATURE}
            if part
            else {LinkFault.BAD_SIGNATURE, LinkFault.BAD_ALGORITHM, LinkFault.MALFORMED}
        )


@pytest.mark.parametrize("part", [2, 3, 4])
def test_an_encrypted_link_with_a_missing_or_cut_part_is_refused(part: int) -> None:
    parts = sign_link(CONTEXT, keys=RING, seal=True).split(".")
    whole = unb64(parts[part])
    for kept in (b"", whole[:4], whole[:-1], whole + b"\x00"):
        token = ".".join([*parts[:part], b64(kept), *parts[part + 1 :]])
        assert fault(token) is LinkFault.BAD_SIGNATURE


def test_the_header_of_an_encrypted_link_is_authenticated() -> None:
    _, rest = sign_link(CONTEXT, keys=RING, seal=True).split(".", 1)
    head = b64(raw('{"enc":"A256GCM","alg":"dir"}'))
    assert fault(f"{head}.{rest}") is LinkFault.BAD_SIGNATURE


def test_parts_of_two_encrypted_links_cannot_be_combined() -> None:
    one = sign_link(CONTEXT, keys=RING, seal=True).split(".")
    other = sign_link(CONTEXT, keys=RING, seal=True).split(".")
    assert fault(".".join([*one[:3], *other[3:]])) is LinkFault.BAD_SIGNATURE
    assert fault(".".join([*one[:4], *other[4:]])) is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("seal", [False, True])
def test_the_first_key_signs_and_every_key_verifies(seal: bool) -> None:
    before, after = Keyring.from_json({"*": [OLDER]}), Keyring.from_json({"*": [SECRET, OLDER]})
    old = sign_link(CONTEXT, keys=before, seal=seal)
    new = sign_link(CONTEXT, keys=after, seal=seal)
    assert fault(old, keys=after) is None
    assert fault(new, keys=before) is LinkFault.BAD_SIGNATURE
    assert fault(old, keys=Keyring.from_json({"*": [SECRET]})) is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("seal", [False, True])
def test_a_unit_signs_with_its_own_key_first(seal: bool) -> None:
    child = dataclasses.replace(CONTEXT, mid=510002)
    token = sign_link(child, keys=RING, seal=seal)
    assert fault(token, keys=Keyring.from_json({"510002": [CHILD]})) is None
    token = sign_link(CONTEXT, keys=RING, seal=seal)
    assert fault(token, keys=Keyring.from_json({"*": [SECRET]})) is None


@pytest.mark.parametrize(
    ("algorithm", "seal"),
    [("HS256", False), ("RS256", False), ("none", False), ("ES256", False), ("HS256", True)],
)
def test_no_fitting_key_signs_nothing(algorithm: str, seal: bool) -> None:
    ring = Keyring.from_json({"510002": [CHILD]})
    with pytest.raises(ValueError, match="no key in LINK_KEYS") as caught:
        sign_link(CONTEXT, keys=ring, algorithm=algorithm, seal=seal)
    assert CHILD not in str(caught.value)


def test_an_rsa_key_cannot_encrypt_links() -> None:
    ring = Keyring.from_json({"*": [private_pem(rsa_key(0))]})
    with pytest.raises(ValueError, match="no key in LINK_KEYS"):
        sign_link(CONTEXT, keys=ring, seal=True)
    with pytest.raises(ValueError, match="cannot seal"):
        ring.keys[0].sealing_key()


@pytest.mark.parametrize("seal", [False, True])
def test_a_link_over_the_length_limit_is_never_made(seal: bool) -> None:
    wordy = SubscriberContext(subscriber_key="🔑" * 254, email_address="ü" * 242 + "@example.com")
    with pytest.raises(ValueError, match="too long"):
        sign_link(dataclasses.replace(CONTEXT, subscriber=wordy), keys=RING, seal=seal)
    plain = SubscriberContext(
        subscriber_key="k" * 254, email_address="@example.com".rjust(254, "a")
    )
    token = sign_link(dataclasses.replace(CONTEXT, subscriber=plain), keys=RING, seal=seal)
    assert len(token) <= TOKEN_MAX
    assert fault(token) is None
