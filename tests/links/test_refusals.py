"""Links that are refused before a claim is used, each with its own fault."""

import hashlib
import hmac
import json
import traceback
from collections.abc import Callable

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
    rs256,
    rsa_key,
    seal_key,
    sealed,
)
from unsub.links.tokens import Keyring, LinkError, LinkFault, read_link, verify

PERSON = "ada-private-7f3a@example.com"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "....",
        "abc",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "a.b.c.d.e",
        "a.b.c.d.e.f",
        " " + jwt(ADA),
        jwt(ADA) + "\n",
        jwt(ADA) + "=",
        jwt(ADA).replace(".", "%2E"),
        jwt(ADA).replace(".", ".é"),
        jwt(ADA, header="[]"),
        jwt(ADA, header='"alg"'),
        jwt(ADA, header="null"),
        jwt(ADA, header="{"),
        jwt(ADA, header=b"\xff\xfe"),
        jwt(ADA, header="[" * 1100),
    ],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert fault(token) is LinkFault.MALFORMED


@pytest.mark.parametrize(
    "extra", [{"crit": ["exp"]}, {"zip": "DEF"}, {"b64": False}, {"b64": True}]
)
@pytest.mark.parametrize("make", [jwt, sealed])
def test_headers_that_change_the_meaning_are_refused(
    make: Callable[..., str], extra: dict[str, object]
) -> None:
    alg = {"alg": "HS256"} if make is jwt else {"alg": "dir", "enc": "A256GCM"}
    assert fault(make(ADA, header={**alg, **extra})) is LinkFault.MALFORMED


def test_headers_that_change_nothing_are_ignored() -> None:
    header = {"alg": "HS256", "kid": "profile-center", "cty": "x", "made_by": [1]}
    assert fault(jwt(ADA, header=header)) is None


def test_a_token_of_2048_characters_is_read_and_one_more_is_not() -> None:
    length = next(n for n in range(1400, 1500) if len(jwt({**ADA, "pad": "p" * n})) == 2048)
    assert fault(jwt({**ADA, "pad": "p" * length})) is None
    assert fault(jwt({**ADA, "pad": "p" * (length + 1)})) is LinkFault.TOO_LONG
    assert fault("a" * 5_000_000) is LinkFault.TOO_LONG


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "hs256", "ES256", "PS256", "RS384"])
def test_an_unsupported_algorithm_is_refused(alg: str) -> None:
    assert fault(jwt(ADA, header={"alg": alg})) is LinkFault.BAD_ALGORITHM


@pytest.mark.parametrize("alg", [None, 256, ["HS256"], {"HS256": 1}, True])
def test_an_algorithm_that_is_no_text_is_refused(alg: object) -> None:
    assert fault(jwt(ADA, header={"alg": alg})) is LinkFault.BAD_ALGORITHM
    assert fault(jwt(ADA, header={"typ": "JWT"})) is LinkFault.BAD_ALGORITHM


def test_an_unsigned_token_is_refused() -> None:
    head, body, _ = jwt(ADA, header={"alg": "none"}).split(".")
    assert fault(f"{head}.{body}.") is LinkFault.BAD_ALGORITHM
    head, body, _ = jwt(ADA).split(".")
    assert fault(f"{head}.{body}.") is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "A256KW", "enc": "A256GCM"},
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 10**9, "p2s": "AA"},
        {"alg": "dir", "enc": "A128GCM"},
        {"alg": "dir", "enc": "A128CBC-HS256"},
        {"alg": "dir"},
        {"alg": "HS256", "enc": "A256GCM"},
    ],
)
def test_another_encryption_is_refused(header: dict[str, object]) -> None:
    assert fault(sealed(ADA, header=header)) is LinkFault.BAD_ALGORITHM


def test_a_signature_header_cannot_ask_for_direct_encryption() -> None:
    header = {"alg": "dir", "enc": "A256GCM"}
    assert fault(jwt(ADA, header=header)) is LinkFault.BAD_ALGORITHM


def test_a_foreign_signature_is_refused() -> None:
    assert fault(jwt(ADA, secret="somebody-elses-key-somebody-elses")) is LinkFault.BAD_SIGNATURE


def test_a_changed_payload_is_refused() -> None:
    head, _, signature = jwt(ADA).split(".")
    other = b64(raw({**ADA, "sid": "1002"}))
    assert fault(f"{head}.{other}.{signature}") is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("size", [1, 16, 31])
def test_a_shortened_signature_is_refused(size: int) -> None:
    signing_input = jwt(ADA).rpartition(".")[0]
    mac = hmac.new(SECRET.encode(), signing_input.encode(), hashlib.sha256).digest()
    assert fault(f"{signing_input}.{b64(mac[:size])}") is LinkFault.BAD_SIGNATURE


def test_a_mac_of_another_hash_is_refused() -> None:
    token = jwt(ADA, header={"alg": "HS512"}, alg="HS256")
    assert fault(token) is LinkFault.BAD_SIGNATURE


def test_no_key_at_all_refuses_everything() -> None:
    assert fault(jwt(ADA), keys=Keyring()) is LinkFault.BAD_SIGNATURE
    assert fault(sealed(ADA), keys=Keyring()) is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_not_accepted_as_hmac_secret(alg: str) -> None:
    pem = public_pem()
    ring = Keyring.from_json({"*": [pem]})
    for text in (pem, pem.strip(), pem + "\n"):
        assert fault(jwt(ADA, secret=text, alg=alg), keys=ring) is LinkFault.BAD_SIGNATURE


def test_a_private_key_is_not_accepted_as_hmac_secret() -> None:
    pem = "Key of the unit\n" + private_pem(rsa_key(0))
    ring = Keyring.from_json({"*": [pem]})
    assert fault(jwt(ADA, secret=pem), keys=ring) is LinkFault.BAD_SIGNATURE
    assert fault(rs256(ADA), keys=ring) is None


def test_a_public_key_is_not_accepted_as_encryption_key() -> None:
    ring = Keyring.from_json({"*": [public_pem()]})
    token = sealed(ADA, key=seal_key(public_pem()))
    assert fault(token, keys=ring) is LinkFault.BAD_SIGNATURE


def test_an_rsa_signature_is_refused_where_the_keys_are_secrets() -> None:
    assert fault(rs256(ADA)) is LinkFault.BAD_SIGNATURE


def test_another_rsa_key_is_refused() -> None:
    ring = Keyring.from_json({"*": [public_pem(0)]})
    assert fault(rs256(ADA, 1), keys=ring) is LinkFault.BAD_SIGNATURE


def test_a_key_in_the_header_is_ignored() -> None:
    forged = "a-key-that-the-forger-brought-along-with-it"
    jwk = {"kty": "oct", "k": b64(forged.encode())}
    header = {"alg": "HS256", "jwk": jwk, "jku": "https://example.com/keys"}
    assert fault(jwt(ADA, secret=forged, header=header)) is LinkFault.BAD_SIGNATURE


@pytest.mark.parametrize("make", [jwt, sealed])
@pytest.mark.parametrize(
    "payload", ["", "{", "[]", "null", "1", '"sid"', b"\xff", "{}x", "\ufeff{}"]
)
def test_a_payload_that_is_no_object_is_refused(
    make: Callable[..., str], payload: str | bytes
) -> None:
    assert fault(make(payload)) is LinkFault.NOT_AN_OBJECT


def test_a_payload_nested_too_deeply_is_refused() -> None:
    assert fault(jwt('{"a":' + "[" * 1200)) is LinkFault.NOT_AN_OBJECT


@pytest.mark.parametrize("make", [jwt, sealed])
@pytest.mark.parametrize(
    "payload",
    [
        '{"mid":510001,"sid":1,"sid":2}',
        '{"mid":510001,"sid":1,"sid":1}',
        '{"mid":510001,"sid":1,"s\\u0069d":2}',
        '{"mid":510001,"sid":1,"ctx":"SEND","x":1,"ctx":"SEND"}',
    ],
)
def test_a_claim_given_twice_is_refused(make: Callable[..., str], payload: str) -> None:
    assert fault(make(payload)) is LinkFault.DUPLICATE_NAME


@pytest.mark.parametrize("make", [jwt, sealed])
@pytest.mark.parametrize("more", ['"x":1,"x":2', '"x":{"sid":1,"sid":2}', '"x":[[{"a":1,"a":3}]]'])
def test_an_unknown_name_given_twice_is_ignored(make: Callable[..., str], more: str) -> None:
    found = read_link(make(f'{{"mid":510001,"sid":1,{more}}}'), keys=RING, default_mid=None)
    assert found.subscriber.subscriber_id == 1


def test_a_header_with_a_name_given_twice_is_refused() -> None:
    header = '{"alg":"none","alg":"HS256"}'
    assert fault(jwt(ADA, header=header)) is LinkFault.DUPLICATE_NAME


def test_a_crafted_subscriber_key_cannot_speak_for_somebody_else() -> None:
    crafted = 'mallory","sk":"ada-1001'
    copied = '{"mid":"510001","sk":"%s"}'
    assert fault(jwt(copied % crafted)) is LinkFault.DUPLICATE_NAME
    escaped = crafted.replace("\\", "\\\\").replace('"', '\\"')
    who = read_link(jwt(copied % escaped), keys=RING, default_mid=None).subscriber
    assert who.subscriber_key == crafted


def test_a_crafted_subscriber_key_cannot_break_out_of_its_json() -> None:
    assert fault(jwt('{"mid":"510001","sk":"a\\"}')) is LinkFault.NOT_AN_OBJECT


@pytest.mark.parametrize("secret", [SECRET, OLDER])
def test_a_key_for_all_units_may_sign_for_any(secret: str) -> None:
    assert fault(jwt({**ADA, "mid": "510002"}, secret=secret)) is None


def test_a_key_of_one_unit_may_sign_for_that_unit_alone() -> None:
    assert fault(jwt({**ADA, "mid": "510002"}, secret=CHILD)) is None
    assert fault(jwt(ADA, secret=CHILD)) is LinkFault.WRONG_UNIT
    assert fault(sealed(ADA, key=seal_key(CHILD))) is LinkFault.WRONG_UNIT


def test_a_key_of_one_unit_covers_the_default_mid_only_if_it_is_that_unit() -> None:
    token = jwt({"sid": "1001"}, secret=CHILD)
    assert fault(token, default_mid=510002) is None
    assert fault(token, default_mid=510001) is LinkFault.WRONG_UNIT
    assert fault(token) is LinkFault.NO_UNIT


def test_one_secret_listed_under_two_units_may_sign_for_both() -> None:
    ring = Keyring.from_json({"510001": [CHILD], "510002": [CHILD]})
    for mid in (510001, 510002):
        assert fault(jwt({**ADA, "mid": mid}, secret=CHILD), keys=ring) is None
    assert fault(jwt({**ADA, "mid": 510003}, secret=CHILD), keys=ring) is LinkFault.WRONG_UNIT


def test_a_deep_header_is_refused_however_deep_the_stack_is() -> None:
    def reached(left: int, token: str) -> LinkFault | None:
        return reached(left - 1, token) if left else fault(token)

    deep = "[" * 340 + "]" * 340
    header = f'{{"alg":"dir","enc":"A256GCM","x":{deep}}}'
    token = f"{b64(header.encode())}..AAAA.AAAA.AAAA"
    allowed = {LinkFault.MALFORMED, LinkFault.BAD_SIGNATURE}
    assert {reached(depth, token) for depth in range(450, 750)} <= allowed


@pytest.mark.parametrize(
    "token",
    [
        jwt({"mid": "510001", "em": f"{PERSON} x"}),
        jwt({"mid": "510001", "sk": PERSON * 20}),
        jwt({"mid": "510001", "sk": PERSON}, secret=CHILD),
        jwt(f'{{"sk":"{PERSON}"'),
        jwt({"sk": PERSON}, header=f'{{"{PERSON}":1'),
        jwt(f'{{"{PERSON}":1,"{PERSON}":2}}'),
        f"{PERSON}.{PERSON}.{PERSON}",
    ],
)
def test_a_link_error_contains_neither_subscriber_nor_key(token: str) -> None:
    with pytest.raises(LinkError) as caught:
        read_link(token, keys=RING, default_mid=None)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for private in (PERSON, SECRET, OLDER, CHILD, *token.split(".")):
        assert private not in told
    assert str(caught.value) == caught.value.reason.value


def test_verify_leaves_the_check_of_claims_to_read_link() -> None:
    claims = {"mid": "nonsense", "sid": -1}
    assert verify(jwt(claims), RING) == claims
    assert verify(jwt(ADA, secret=CHILD), RING) == ADA
    with pytest.raises(LinkError):
        verify(json.dumps(ADA), RING)
