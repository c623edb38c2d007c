"""Digests under named keys: compared to the letter, and silent about what they are made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.strategies import FAST
from unsub.domain.digest_keys import LENGTH, DigestKey, DigestKeyring

KEY = DigestKey(id="2026a", secret="k" * 32)
texts = st.text(st.characters(exclude_categories=()))


def test_a_digest_begins_with_the_id_of_its_key() -> None:
    name, _, made = KEY.digest("subscriber", 510001, "key", "ada-1001").partition(":")
    assert (name, len(made)) == ("2026a", 32)
    assert "ada" not in made


def test_a_digest_differs_by_key_purpose_and_every_part() -> None:
    made = {
        KEY.digest("subscriber", "a", "b"),
        KEY.digest("address", "a", "b"),
        DigestKey(id="2026a", secret="j" * 32).digest("subscriber", "a", "b"),
        KEY.digest("subscriber", "ab", ""),
        KEY.digest("subscriber", "a\x1fb"),
        KEY.digest("subscriber", "a", None),
        KEY.digest("subscriber", "a", ""),
        KEY.digest("subscriber", "A", "b"),
        KEY.digest("subscriber", 1),
        KEY.digest("subscriber", "1"),
    }
    assert len(made) == 10


@FAST
@given(one=texts, other=texts)
def test_any_two_texts_have_two_digests_that_fit_the_column(one: str, other: str) -> None:
    longest = DigestKey(id="i" * 16, secret="k")
    assert len(longest.digest("address", one)) == LENGTH
    assert (KEY.digest("p", one) == KEY.digest("p", other)) is (one == other)


def test_the_first_key_of_the_list_is_the_current_one() -> None:
    keyring = DigestKeyring.from_json({"b": "x" * 32, "a": "y" * 31})
    assert [one.partition(":")[0] for one in keyring.digests("address", "x")] == ["b", "a"]
    assert keyring.weak_keys() == ["a"]
    assert "x" * 32 not in repr(keyring)


def test_a_key_that_follows_from_a_secret_has_an_id_that_follows_from_it_too() -> None:
    keyring = DigestKeyring.from_secrets(["now", "before", "now"])
    assert len(keyring.keys) == 2
    assert DigestKeyring.from_secrets(["before"]).keys == keyring.keys[1:]
    # As `new_digest_key` prints them.
    printed = {key.id: key.secret for key in keyring.keys}
    assert DigestKeyring.from_json(printed) == keyring
    assert keyring.weak_keys() == []


@pytest.mark.parametrize(
    "wrong", [["key"], {"a:b": "k"}, {"": "k"}, {"a" * 17: "k"}, {"a": ""}, {"a": ["secret-key"]}]
)
def test_another_shape_is_refused_without_a_word_of_the_key(wrong: object) -> None:
    with pytest.raises(ValueError, match="DIGEST_KEYS") as caught:
        DigestKeyring.from_json(wrong)  # type: ignore[arg-type]
    assert "secret-key" not in str(caught.value)
