"""Properties of any token and any context."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.forge import ADA, RING, b64, fault, jwt, raw, sealed
from tests.links.strategies import CLAIMS, FAST, contexts, json_values
from unsub.domain.context import UnsubContext
from unsub.links.tokens import Keyring, LinkError, read_link, sign_link, verify

ALPHABET = string.ascii_letters + string.digits + "-_.=+/ é\x00"
MADE = (jwt(ADA), sealed(ADA))
compact = st.lists(
    st.text(string.ascii_letters + string.digits + "-_", max_size=40), min_size=1, max_size=6
).map(".".join)
headers = st.dictionaries(
    st.sampled_from(("alg", "enc", "typ", "kid", "crit", "jwk", "x5c", "zip", "p2c")),
    st.sampled_from(("HS256", "RS256", "dir", "none", "A256GCM")) | json_values,
)
claims = st.dictionaries(st.sampled_from(CLAIMS), json_values)


def is_read(token: str) -> bool:
    """Return whether a link is accepted; any exception but LinkError fails the test."""
    return fault(token, default_mid=510001) is None


@FAST
@given(token=st.text() | compact)
def test_any_text_is_refused_with_a_link_error(token: str) -> None:
    assert not is_read(token)


@FAST
@given(header=headers, rest=compact)
def test_any_header_gives_claims_or_a_link_error(header: dict[str, object], rest: str) -> None:
    assert not is_read(f"{b64(raw(header))}.{rest}")


@FAST
@given(header=headers)
def test_any_well_signed_header_gives_claims_or_a_link_error(header: dict[str, object]) -> None:
    is_read(jwt(ADA, header={"alg": "HS256", **header}))
    is_read(sealed(ADA, header={"alg": "dir", "enc": "A256GCM", **header}))


@FAST
@given(payload=claims | json_values | st.binary(max_size=200))
def test_any_well_signed_payload_gives_claims_or_a_link_error(payload: object) -> None:
    assert is_read(jwt(payload)) == is_read(sealed(payload))


@FAST
@given(context=contexts(), seal=st.booleans())
def test_a_context_survives_signing_and_reading(context: UnsubContext, seal: bool) -> None:
    token = sign_link(context, keys=RING, seal=seal)
    assert read_link(token, keys=RING, default_mid=None) == context
    assert fault(token, keys=Keyring()) is not None


@FAST
@given(token=st.sampled_from(MADE), at=st.integers(0, 500), char=st.sampled_from(ALPHABET))
def test_a_token_with_a_changed_character_gives_the_same_claims_or_is_refused(
    token: str, at: int, char: str
) -> None:
    at %= len(token)
    try:
        found = verify(token[:at] + char + token[at + 1 :], RING)
    except LinkError:
        return
    assert found == ADA


@pytest.mark.parametrize("token", MADE)
@pytest.mark.parametrize("part", range(5))
def test_unused_bits_of_base64_change_nothing(token: str, part: int) -> None:
    parts = token.split(".")[: part + 1]
    rest = token.split(".")[part + 1 :]
    for char in string.ascii_letters + string.digits + "-_":
        changed = ".".join([*parts[:-1], parts[-1][:-1] + char, *rest])
        with contextlib.suppress(LinkError):
            assert verify(changed, RING) == ADA


@FAST
@given(cut=st.integers(0, 500))
def test_a_token_cut_short_is_refused(cut: int) -> None:
    for token in MADE:
        assert not is_read(token[: cut % len(token)])
