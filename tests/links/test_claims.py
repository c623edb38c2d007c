"""Claims of a link: which values each accepts, and what they become."""

import json
from typing import Any

import pytest

from tests.links.forge import ADA, RING, fault, jwt, read
from unsub.domain.context import ContextError, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.claims import context_of, payload_of
from unsub.links.tokens import LinkFault, read_link

PRIVATE = "ada-private-7f3a"


def test_claims_as_texts_give_the_whole_context() -> None:
    claims = {
        "v": "1",
        "mid": "510001",
        "sid": "1001",
        "sk": "ada-1001",
        "em": "ada@example.com",
        "jid": "88002",
        "lid": "7001",
        "bid": "3",
        "scope": "list",
        "ctx": "SEND",
        "exp": "1900000000",
        "lang": "de-CH",
    }
    assert read(claims) == UnsubContext(
        mid=510001,
        subscriber=SubscriberContext(
            subscriber_id=1001, subscriber_key="ada-1001", email_address="ada@example.com"
        ),
        job=JobContext(job_id=88002, list_id=7001, batch_id=3),
        scope=Scope.LIST,
        scope_is_explicit=True,
        message_context="SEND",
        expires_at=1900000000,
        language="de-CH",
    )


def test_integers_are_read_like_texts_of_digits() -> None:
    texts = {"mid": "510001", "sid": "1001", "jid": "88002", "lid": "7001", "bid": "3", "exp": "9"}
    numbers = {name: int(value) for name, value in texts.items()}
    assert read(texts) == read(numbers)


def test_a_subscriber_key_may_be_a_number() -> None:
    assert read({"mid": 510001, "sk": 1001}).subscriber.subscriber_key == "1001"


@pytest.mark.parametrize("who", [{"sid": "1001"}, {"sk": "ada-1001"}, {"em": "ada@example.com"}])
def test_one_identifier_of_the_subscriber_is_enough(who: dict[str, str]) -> None:
    subscriber = read({"mid": "510001", **who}).subscriber
    assert subscriber.is_email_only == ("em" in who)


@pytest.mark.parametrize("who", [{}, {"sid": ""}, {"sid": "0"}, {"sid": 0}, {"sk": "", "em": ""}])
def test_a_link_without_a_subscriber_is_refused(who: dict[str, object]) -> None:
    assert fault(jwt({"mid": "510001", **who})) is LinkFault.BAD_CLAIM


def test_empty_and_zero_ids_are_absent() -> None:
    empty = {
        "jid": "",
        "lid": "",
        "bid": "",
        "exp": "",
        "scope": "",
        "ctx": "",
        "lang": "",
        "v": "",
    }
    assert read({**ADA, **empty}) == read(ADA)
    assert read({**ADA, "jid": "0", "lid": 0, "bid": "0"}) == read(ADA)
    assert read({**ADA, "sid": "0", "sk": "ada-1001"}).subscriber.subscriber_id is None


@pytest.mark.parametrize("zero", [0, "0"])
@pytest.mark.parametrize("beside", [{"jid": "88002"}, {"lid": "7001"}])
def test_batch_zero_counts_beside_a_job_or_a_list(zero: object, beside: dict[str, object]) -> None:
    context = read({**ADA, **beside, "bid": zero})
    assert context.job.batch_id == 0
    assert ("BatchID", "0") in context.parameters(all_subscribers_list_id=None)


def test_batch_zero_alone_is_no_batch() -> None:
    assert read({**ADA, "bid": "0"}).job.batch_id is None
    assert read({**ADA, "bid": 0, "jid": 0, "lid": ""}).job.batch_id is None


@pytest.mark.parametrize("scope", ["list", "all"])
def test_a_scope_in_the_link_is_marked_as_explicit(scope: str) -> None:
    context = read({**ADA, "scope": scope})
    assert (context.scope, context.scope_is_explicit) == (Scope(scope), True)


def test_no_scope_means_the_list() -> None:
    assert read(ADA).scope is Scope.LIST
    assert not read(ADA).scope_is_explicit


@pytest.mark.parametrize("ctx", ["SEND", "VAWP", "FTAF", "send", ""])
def test_message_contexts_of_real_sends_are_no_test(ctx: str) -> None:
    assert not read({**ADA, "jid": "88002", "ctx": ctx}).is_test


@pytest.mark.parametrize("ctx", ["PREVIEW", "TESTSEND", "SITE", "LANDINGPAGE", "SENDER", " ", 0])
def test_any_other_message_context_is_a_test(ctx: object) -> None:
    assert read({**ADA, "jid": "88002", "scope": "all", "ctx": ctx}).is_test


def test_an_expired_link_is_still_read() -> None:
    context = read({**ADA, "jid": "88002", "exp": 1_000})
    assert context.is_expired(1_000)
    assert not context.is_expired(999.9)
    assert context.parameters(all_subscribers_list_id=None)


def test_a_link_without_exp_never_expires() -> None:
    assert not read(ADA).is_expired(1e18)


@pytest.mark.parametrize("lang", ["de", "pt-BR", "zh-Hant-TW", "es-419"])
def test_a_language_tag_is_kept(lang: str) -> None:
    assert read({**ADA, "lang": lang}).language == lang


@pytest.mark.parametrize("lang", ["d", "en_US", "../etc", "en-", "e" * 9, 5, None, ["de"], "дe"])
def test_a_malformed_language_is_ignored(lang: object) -> None:
    assert read({**ADA, "lang": lang}).language is None


@pytest.mark.parametrize(
    "iat", ["12/31/2025 11:59:59 PM", "", None, {"at": [1.5]}, True, -5, 1.5, "9" * 12, "٣" * 10]
)
def test_iat_may_be_anything(iat: object) -> None:
    assert read({**ADA, "iat": iat}) == read(ADA)


@pytest.mark.parametrize("iat", [1700000000, "1700000000"])
def test_a_usable_iat_is_kept(iat: object) -> None:
    assert read({**ADA, "iat": iat}).issued_at == 1_700_000_000


def test_unknown_claims_are_ignored() -> None:
    assert read({**ADA, "aud": ["a"], "x": {"sid": 7}, "SID": "7", "nbf": 9e9}) == read(ADA)


@pytest.mark.parametrize("mid", [1, 2**31 - 1, "0510001"])
def test_a_mid_is_a_positive_int32(mid: object) -> None:
    assert read({**ADA, "mid": mid}).mid == int(str(mid))


@pytest.mark.parametrize("size", [1, 254])
def test_keys_and_addresses_of_up_to_254_characters_are_read(size: int) -> None:
    key, address = "ä" * size, "@example.com".rjust(max(size, 13), "a")
    payload = json.dumps({"mid": "510001", "sk": key, "em": address}, ensure_ascii=False)
    who = read_link(jwt(payload), keys=RING, default_mid=None).subscriber
    assert (who.subscriber_key, who.email_address) == (key, address)


ODD_DIGITS = [
    "\u0668\u0668",
    "\uff18\uff18",
    "\u00b2",
    "8_8",
    " 88",
    "88 ",
    "88\n",
    "+88",
    "-88",
    "0x58",
    "8.8",
    "8e8",
    "x",
]


@pytest.mark.parametrize("name", ["mid", "sid", "jid", "lid", "bid", "exp", "v"])
@pytest.mark.parametrize("digits", ODD_DIGITS)
def test_only_ascii_digits_are_a_number(name: str, digits: str) -> None:
    claims = {"mid": "510001", "sid": "1001", "sk": "ada-1001", "jid": "88002", name: digits}
    assert fault(jwt(claims)) is LinkFault.BAD_CLAIM


@pytest.mark.parametrize("name", ["mid", "sid", "jid", "lid", "bid", "exp", "v", "sk", "scope"])
@pytest.mark.parametrize("value", [True, False, None, 1.0, [1], {"1": 1}])
def test_a_claim_is_a_text_or_an_integer(name: str, value: object) -> None:
    claims = {"mid": "510001", "em": "ada@example.com", "jid": "88002", name: value}
    assert fault(jwt(claims), default_mid=510001) is LinkFault.BAD_CLAIM


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 0),
        ("v", 2),
        ("v", "2"),
        ("mid", 2**31),
        ("mid", "2147483648"),
        ("mid", -1),
        ("sid", -1),
        ("sid", 2**63),
        ("sid", "9" * 41),
        ("jid", 2**63),
        ("jid", -88002),
        ("lid", -1),
        ("bid", -1),
        ("bid", 2**63),
        ("scope", "everything"),
        ("scope", "ALL"),
        ("scope", " all"),
        ("scope", "list,all"),
        ("scope", 1),
        ("ctx", None),
        ("ctx", ["SEND"]),
        ("sk", "k" * 255),
        ("sk", "   "),
        ("sk", "a\x00b"),
        ("sk", "a\tb"),
        ("sk", "a\nb"),
        ("sk", "a\x7fb"),
        ("sk", "a\x85b"),
        ("sk", "a\ud800b"),
        ("sk", "a\ufffeb"),
        ("em", "@example.com".rjust(255, "a")),
        ("em", "nobody"),
        ("em", "@example.com"),
        ("em", "ada@"),
        ("em", "ada@@example.com"),
        ("em", "ada b@example.com"),
        ("em", "ada@example.com\r\nBcc: x@example.com"),
        ("em", 1001),
    ],
)
def test_a_claim_outside_its_rule_refuses_the_link(name: str, value: object) -> None:
    assert fault(jwt({**ADA, "jid": "88002", name: value})) is LinkFault.BAD_CLAIM


@pytest.mark.parametrize("claims", [{}, {"mid": ""}, {"mid": "0"}, {"mid": 0}])
def test_a_link_without_a_unit_needs_a_deployment_with_one(claims: dict[str, object]) -> None:
    token = jwt({"sid": "1001", **claims})
    assert fault(token) is LinkFault.NO_UNIT
    assert read_link(token, keys=RING, default_mid=510001).mid == 510001


def test_the_mid_of_the_link_takes_precedence_over_the_default() -> None:
    assert read(ADA, default_mid=510002).mid == 510001


@pytest.mark.parametrize(
    "claims",
    [
        {"mid": PRIVATE},
        {"sid": PRIVATE},
        {"sk": PRIVATE + "\n"},
        {"sk": PRIVATE * 20},
        {"em": PRIVATE},
        {"scope": PRIVATE},
        {"ctx": [PRIVATE]},
        {"v": PRIVATE},
    ],
)
def test_a_refusal_names_the_claim_and_never_its_value(claims: dict[str, Any]) -> None:
    with pytest.raises(ContextError) as caught:
        context_of({**ADA, **claims}, default_mid=None)
    assert PRIVATE not in f"{caught.value!r} {caught.value}"


def test_absent_values_are_left_out_of_the_payload() -> None:
    payload = payload_of(read({**ADA, "jid": "88002"}))
    assert json.loads(payload) == {"v": 1, "mid": 510001, "sid": 1001, "jid": 88002}
    assert " " not in payload


def test_scope_all_is_always_written() -> None:
    context = UnsubContext(
        mid=510001,
        subscriber=SubscriberContext(subscriber_id=1001),
        job=JobContext(),
        scope=Scope.ALL,
    )
    assert json.loads(payload_of(context))["scope"] == "all"
