"""Links that were damaged on their way: what is repaired, and that nothing else is accepted."""

import string
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.forge import ADA, RING, jwt, sealed
from tests.links.strategies import FAST
from unsub.domain.context import UnsubContext
from unsub.links import repair
from unsub.links.tokens import LinkError, LinkFault, read_link, repaired

read = partial(read_link, keys=RING, default_mid=None)
CLAIMS = {**ADA, "jid": "88002", "lid": "7001", "bid": "0", "ctx": "SEND", "scope": "list"}
SIGNED = [jwt(CLAIMS), jwt(CLAIMS, alg="HS512"), sealed(CLAIMS)]
SPACED = jwt('{ "mid" : "510001",\r\n "sid":"1001", "jid":"88002" }\r\n')


def in_the_middle(text: str) -> Callable[[str], str]:
    """Return a damage that puts a text between two characters of a token."""
    return lambda token: token[:40] + text + token[40:]


def wrapped(text: str) -> Callable[[str], str]:
    """Return a damage that puts a text after every 60 characters."""
    return lambda token: text.join(token[at : at + 60] for at in range(0, len(token), 60))


DAMAGES: dict[str, Callable[[str], str]] = {
    "folded": wrapped("\r\n "),
    "folded and encoded": wrapped("%0D%0A%20"),
    "wrapped with a tab": wrapped("\n\t"),
    "quoted in a reply": wrapped("\r\n> "),
    "soft line breaks": wrapped("=\r\n"),
    "soft line breaks without their ends": wrapped("="),
    "soft line breaks in hexadecimal": wrapped("=0D=0A"),
    "a soft hyphen": in_the_middle("\u00ad"),
    "a zero-width space": in_the_middle("\u200b"),
    "a word joiner": in_the_middle("\u2060"),
    "a byte order mark": in_the_middle("\ufeff"),
    "a no-break space": in_the_middle("\u00a0"),
    "a soft hyphen as a reference": in_the_middle("&shy;"),
    "quoted-printable dots": lambda token: token.replace(".", "=2E"),
    "quoted-printable dots in lower case": lambda token: token.replace(".", "=2e"),
    "encoded again": lambda token: token.replace(".", "%2E"),
    "encoded twice again": lambda token: quote(token.replace(".", "%2E")),
    "dots as references": lambda token: token.replace(".", "&#46;"),
    "doubled dots": lambda token: token.replace(".", ".."),
    "single dots": lambda token: token.replace("..", "."),
    "no dots": lambda token: token.replace(".", ""),
    "the first dot lost": lambda token: token.replace(".", "", 1),
    "the last dot lost": lambda token: "".join(token.rsplit(".", 1)),
    "quotes around": lambda token: f'"{token}"',
    "typographic quotes around": lambda token: f"“{token}”",
    "angle brackets around": lambda token: f"<{token}>",
    "encoded brackets around": lambda token: f"&lt;{token}&gt;",
    "a bracket and a full stop behind": lambda token: f"({token}).",
    "line breaks of HTML": wrapped("<br>\r\n"),
    "places to break of HTML": in_the_middle("<wbr>"),
    "encoded markup": in_the_middle("%3Cspan%20class=%22x%22%3E%3C/span%3E"),
    "markup as references": in_the_middle("&lt;wbr/&gt;"),
    "markup behind": lambda token: f'{token}">unsubscribe</a>',
    "a slash and more behind": lambda token: f"{token}/index.html?x=1",
    "parameters behind": lambda token: f"{token}&utm_source=mail",
    "characters of a token behind": lambda token: f"{token}.html",
    "letters behind": lambda token: f"{token}Unsubscribe",
    "blanks before": lambda token: f"  \t{token}",
    "an equals sign before": lambda token: f"=3D{token}",
    "a byte that is no character": in_the_middle("\udcad"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("token", SIGNED, ids=["HS256", "HS512", "sealed"])
def test_a_damaged_link_means_what_it_meant(token: str, damage: str) -> None:
    found, context = repaired(DAMAGES[damage](token), read)
    assert context == read(token)
    assert found == token


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_payload_with_white_space_is_repaired_where_its_dots_are_left(damage: str) -> None:
    lost = {"no dots", "the last dot lost"}
    if damage in lost:
        with pytest.raises(LinkError):
            repaired(DAMAGES[damage](SPACED), read)
        return
    assert repaired(DAMAGES[damage](SPACED), read)[1] == read(SPACED)


def test_a_link_that_is_whole_is_read_at_once() -> None:
    tried: list[str] = []

    def reading(token: str) -> UnsubContext:
        tried.append(token)
        return read(token)

    assert repaired(SIGNED[0], reading)[0] == SIGNED[0]
    assert tried == [SIGNED[0]]


@pytest.mark.parametrize(
    "text",
    ["", ".", "%", "=", "e" * 9000, "eyJ" * 2000, "%25" * 3000, "a.b.c", "{" * 100,
     b64encode(b'{"alg":"HS256"').decode(), "ey" + "[" * 5000],
)  # fmt: skip
def test_text_that_is_no_link_is_refused_after_few_tries(text: str) -> None:
    assert len(list(repair.candidates(text))) <= repair.CANDIDATES_MAX
    with pytest.raises(LinkError):
        repaired(text, read)


def test_the_error_is_that_of_the_link_as_it_came() -> None:
    token = SIGNED[0]
    for text, reason in (
        (token[:-3], LinkFault.BAD_SIGNATURE),
        (jwt({**CLAIMS, "lid": "x"}), LinkFault.BAD_CLAIM),
        ("nothing", LinkFault.MALFORMED),
    ):
        with pytest.raises(LinkError) as caught:
            repaired(text, read)
        assert caught.value.reason is reason


NOISE = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(
    [".", "..", "=", "=\r\n", "=2E", "%2E", "%252E", " ", "\r\n", "\u00ad", "&#46;", "ey", "eyJ"]
)


@FAST
@given(
    token=st.sampled_from([*SIGNED, SPACED]),
    cuts=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 3), NOISE), min_size=1, max_size=6),
    before=NOISE,
    behind=NOISE | st.text(string.ascii_letters + string.digits + "-_.", max_size=40),
)
def test_any_mutation_is_refused_or_means_the_same(
    token: str, cuts: list[tuple[int, int, str]], before: str, behind: str
) -> None:
    text = token
    for place, length, put in cuts:
        at = place % (len(text) + 1)
        text = text[:at] + put + text[at + length :]
    try:
        found, context = repaired(before + text + behind, read)
    except LinkError:
        return
    assert context == read(token)
    assert read(found) == context
