"""Claims of a link: which values each accepts, and what they become."""

import json
from typing import Any

import pytest

from tests.links.forge import ADA, RING, fault, jwt, read
from unsub.domain.context import ContextError, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.claims import context_of, payload_of
from unsub.links.tokens import LinkError, LinkFault, read_link

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


@pytest.mark.parametrize(
    "ctx",
    ["SEND", "VAWP", "FTAF", "send", "", "SEND ", "LINKRESOLUTION", "LANDINGPAGE", "SITE", "SMS",
     "SOCIAL", "VIEWSENT", "TESTSEND", "anything", " ", 0, None, True, ["PREVIEW"], {"a": 1}],
)  # fmt: skip
def test_every_message_context_but_those_of_previews_is_a_person(ctx: object) -> None:
    found = read({**ADA, "jid": "88002", "ctx": ctx})
    assert not found.is_test
    assert found.parameters(all_subscribers_list_id=None)


@pytest.mark.parametrize(
    "ctx", ["PREVIEW", "VALIDATION", "preview", " Validation\n", "%%_messagecontext%%", "%%=x()=%%"]
)
def test_previews_and_unresolved_placeholders_are_tests(ctx: str) -> None:
    assert read({**ADA, "jid": "88002", "scope": "all", "ctx": ctx}).is_test


@pytest.mark.parametrize("name", ["sk", "em"])
def test_a_placeholder_in_any_claim_makes_a_test(name: str) -> None:
    assert read({**ADA, "jid": "88002", name: "%%_subscriberkey%%"}).is_test


@pytest.mark.parametrize(
    "claims",
    [
        {"sid": "", "ctx": "PREVIEW"},
        {"sid": "%%_subscriberid%%"},
        {"sid": "0", "ctx": "VALIDATION"},
    ],
)
def test_a_preview_that_names_nobody_is_no_bad_claim(claims: dict[str, object]) -> None:
    assert fault(jwt({**ADA, **claims})) is LinkFault.EMPTY_TEST


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


@pytest.mark.parametrize(
    ("written", "tag"),
    [("de_DE", "de-DE"), ("zh_TW", "zh-TW"), (" fr ", "fr"), ("pt_BR", "pt-BR")],
)
def test_a_locale_becomes_a_language_tag(written: str, tag: str) -> None:
    assert read({**ADA, "lang": written}).language == tag


@pytest.mark.parametrize("lang", ["d", "de DE", "../etc", "en-", "e" * 9, 5, None, ["de"], "дe"])
def test_a_malformed_language_is_ignored(lang: object) -> None:
    assert read({**ADA, "lang": lang}).language is None


@pytest.mark.parametrize(
    "value",
    ["12/31/2025 11:59:59 PM", "", None, {"at": [1.5]}, -5, "9" * 400, 9e99, [1700000000], "nan",
     "inf", "soon", "2026-13-01", "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_time_that_is_none_is_ignored(name: str, value: object) -> None:
    assert read({**ADA, name: value}) == read(ADA)


@pytest.mark.parametrize(
    "value",
    [1700000000, "1700000000", 1700000000.9, "1700000000.9", " 1700000000 ", "2023-11-14T22:13:20",
     "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "1.7e9"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_time_is_a_number_or_a_date(name: str, value: object) -> None:
    found = read({**ADA, name: value})
    assert 1_700_000_000 in {found.expires_at, found.issued_at}


@pytest.mark.parametrize("value", [0, 2, "2", "1.0", 1.5, None, [], {}, True, "x"])
def test_the_version_refuses_nothing(value: object) -> None:
    assert read({**ADA, "v": value}) == read(ADA)


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


UNUSABLE_NAMES = [
    ("sk", [1]),
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
    ("em", True),
]


@pytest.mark.parametrize(("name", "value"), UNUSABLE_NAMES)
def test_an_unusable_key_or_address_is_dropped_beside_a_usable_id(name: str, value: object) -> None:
    assert read({**ADA, name: value}) == read(ADA)


@pytest.mark.parametrize(("name", "value"), UNUSABLE_NAMES)
def test_an_unusable_key_or_address_refuses_a_link_without_an_id(name: str, value: object) -> None:
    for claims in ({"mid": "510001", name: value}, {**ADA, "sid": "x", name: value}):
        with pytest.raises(LinkError) as caught:
            read_link(jwt(claims), keys=RING, default_mid=None)
        assert caught.value.reason is LinkFault.BAD_CLAIM
        assert caught.value.claim in {name, "sid"}


@pytest.mark.parametrize("name", ["sid", "sk", "em", "jid", "lid", "bid", "scope", "ctx", "lang"])
def test_null_is_absent(name: str) -> None:
    claims = {**ADA, "sid": "1001", "sk": "ada-1001", "jid": "88002"}
    without = {key: value for key, value in claims.items() if key != name}
    assert read({**claims, name: None}) == read(without)


@pytest.mark.parametrize("written", ["List", "LIST", " list "])
def test_a_scope_is_read_in_any_letter_case(written: str) -> None:
    assert read({**ADA, "jid": "1", "scope": written}) == read({**ADA, "jid": "1", "scope": "list"})


@pytest.mark.parametrize("value", [" 88", "88 ", "88\n", 88.0])
@pytest.mark.parametrize("name", ["jid", "lid", "bid"])
def test_blanks_around_digits_are_ignored(name: str, value: object) -> None:
    assert read({**ADA, name: value}) == read({**ADA, name: "88"})


def test_a_bad_claim_is_named_with_the_unit_and_the_job() -> None:
    with pytest.raises(LinkError) as caught:
        read_link(jwt({**ADA, "jid": "88002", "lid": "7OO1"}), keys=RING, default_mid=None)
    assert (caught.value.claim, caught.value.mid) == ("lid", 510001)
    with pytest.raises(LinkError) as caught:
        read_link(jwt({**ADA, "sid": "", "jid": "88002"}), keys=RING, default_mid=None)
    assert (caught.value.claim, caught.value.job_id) == ("sid", 88002)


ODD_DIGITS = [
    "\u0668\u0668",
    "\uff18\uff18",
    "\u00b2",
    "8_8",
    "+88",
    "-88",
    "0x58",
    "8.8",
    "8e8",
    "x",
]


@pytest.mark.parametrize("name", ["mid", "sid", "jid", "lid", "bid"])
@pytest.mark.parametrize("digits", ODD_DIGITS)
def test_only_ascii_digits_are_a_number(name: str, digits: str) -> None:
    claims = {"mid": "510001", "sid": "1001", "sk": "ada-1001", "jid": "88002", name: digits}
    assert fault(jwt(claims)) is LinkFault.BAD_CLAIM


@pytest.mark.parametrize("name", ["mid", "sid", "jid", "lid", "bid", "sk", "scope"])
@pytest.mark.parametrize("value", [True, False, 1.5, [1], {"1": 1}])
def test_a_claim_is_a_text_or_an_integer(name: str, value: object) -> None:
    claims = {"mid": "510001", "em": "ada@example.com", "jid": "88002", name: value}
    assert fault(jwt(claims), default_mid=510001) is LinkFault.BAD_CLAIM


@pytest.mark.parametrize(
    ("name", "value"),
    [
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
        ("scope", "list,all"),
        ("scope", 1),
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
        {"sid": "", "sk": PRIVATE + "\n"},
        {"sid": "", "sk": PRIVATE * 20},
        {"sid": "", "em": PRIVATE},
        {"scope": PRIVATE},
        {"lid": PRIVATE},
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
