"""LINK_KEYS: its shape, weak keys, and that no secret is shown."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import OctKey, RSAKey

from tests.links.forge import (
    ADA,
    CHILD,
    OLDER,
    RING,
    SECRET,
    fault,
    jwt,
    private_pem,
    public_pem,
    rs256,
    rsa_key,
    sealed,
)
from unsub.links.tokens import Keyring, LinkFault

PRIVATE = "private-key-7f3a-private-key-7f3a"


@pytest.mark.parametrize(
    "shape",
    [
        None,
        PRIVATE,
        [PRIVATE],
        {"*": PRIVATE},
        {"*": None},
        {"*": {PRIVATE: 1}},
        {"*": [PRIVATE, 7]},
        {"*": [PRIVATE, ""]},
        {"*": [PRIVATE, None]},
        {"*": [[PRIVATE]]},
        {"": [PRIVATE]},
        {PRIVATE: [PRIVATE]},
        {"**": [PRIVATE]},
        {"-510001": [PRIVATE]},
        {" 510001": [PRIVATE]},
        {"0510001": [PRIVATE]},
        {"0": [PRIVATE]},
        {"\u0665\u0661": [PRIVATE]},
        {"51000100000": [PRIVATE]},
        {"*": [PRIVATE + "\ud800"]},
        {"*": [f"-----BEGIN PUBLIC KEY-----\n{PRIVATE}\n-----END PUBLIC KEY-----"]},
        {"*": [f"-----BEGIN PRIVATE KEY-----\n{PRIVATE}"]},
    ],
)
def test_another_shape_is_refused_without_any_key_in_the_message(shape: Any) -> None:
    with pytest.raises(ValueError, match="LINK_KEYS") as caught:
        Keyring.from_json(shape)
    assert PRIVATE not in f"{caught.value!r}{caught.value}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_pem_that_is_no_rsa_key_is_refused_at_start() -> None:
    pem = private_pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ValueError, match=r"\*\[1\] is no usable key"):
        Keyring.from_json({"*": [SECRET, pem]})


def test_a_pem_behind_a_password_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match=r"510001\[0\] is no usable key"):
        Keyring.from_json({"510001": [private_pem(rsa_key(0), password="sandbox")]})


def test_keys_under_32_bytes_are_reported_by_their_position() -> None:
    ring = Keyring.from_json(
        {"*": ["w" * 31, "s" * 32, public_pem()], "510001": ["ü" * 16, "probe-secret-2026"]}
    )
    assert ring.weak_keys() == ["*[0]", "510001[1]"]
    assert RING.weak_keys() == []


def test_a_weak_key_still_reads_links() -> None:
    weak = "probe-secret-2026"
    assert fault(jwt(ADA, secret=weak), keys=Keyring.from_json({"*": [weak]})) is None


def test_a_keyring_is_true_where_it_has_a_key() -> None:
    assert RING
    assert not Keyring.from_json({})
    assert not Keyring.from_json({"*": []})


def test_the_repr_of_a_key_shows_no_secret() -> None:
    shown = f"{RING!r} {RING} {RING.keys!r} {[key.name for key in RING.keys]}"
    for secret in (SECRET, OLDER, CHILD):
        assert secret not in shown
    assert "510002[0]" in shown


def test_the_order_of_the_list_is_the_order_of_the_keys() -> None:
    assert [key.name for key in RING.keys] == ["*[0]", "*[1]", "510002[0]"]
    assert RING.signer(510001, algorithm="HS256").text == SECRET
    assert RING.signer(510002, algorithm="HS512").text == CHILD


def test_reading_a_link_does_not_import_its_key_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring.from_json({"*": [private_pem(rsa_key(0)), SECRET]})
    tokens = [jwt(ADA), rs256(ADA), rs256(ADA, 1), sealed(ADA)]
    expected = [None, None, LinkFault.BAD_SIGNATURE, None]
    assert [fault(token, keys=ring) for token in tokens] == expected

    def load(*args: object, **kwargs: object) -> None:
        raise AssertionError("a key was loaded to read a link")

    monkeypatch.setattr(RSAKey, "import_key", load)
    monkeypatch.setattr(OctKey, "import_key", load)
    assert [fault(token, keys=ring) for token in tokens] == expected
