"""The ID of a consent receipt: made of a request's number and salt, and checked when typed."""

from itertools import combinations
from uuid import UUID

import pytest

from unsub.domain.receipt_id import ALPHABET, ReceiptId, ReceiptIdError, looks_like_one

SALT = UUID("6b3f0c1e-0d1a-4f59-9a53-2f1c5d7e8a90")
OTHER = UUID("6b3f0c1e-0d1a-4f59-9a53-2f1c5d7e8a91")
NUMBERS = (1, 31, 987_654, 2**40, 2**63 - 1)


def test_an_id_that_was_printed_stays_the_same() -> None:
    """Whoever changes this makes every printed receipt invalid."""
    assert str(ReceiptId.of(987_654, SALT)) == "CR-235QT-XSR2-Q5S9N"


@pytest.mark.parametrize("number", NUMBERS)
def test_an_id_is_read_as_people_type_it(number: int) -> None:
    made = ReceiptId.of(number, SALT)
    text = str(made)
    for typed in (text, text.lower(), f" {text.replace('-', ' ')} ", text.replace("-", "")):
        assert ReceiptId.read(typed) == made
        assert looks_like_one(typed)
    assert ReceiptId.read(text.replace("0", "O")) == made
    assert looks_like_one(text.lower())


def test_every_single_mistake_and_every_swap_is_found() -> None:
    text = str(ReceiptId.of(987_654, SALT)).replace("-", "")
    for at in range(2, len(text)):
        for other in set(ALPHABET) - {text[at]}:
            with pytest.raises(ReceiptIdError):
                ReceiptId.read(text[:at] + other + text[at + 1 :])
    for one, two in combinations(range(2, len(text)), 2):
        if text[one] != text[two]:
            swapped = list(text)
            swapped[one], swapped[two] = swapped[two], swapped[one]
            with pytest.raises(ReceiptIdError):
                ReceiptId.read("".join(swapped))


@pytest.mark.parametrize(
    "text", ["", "CR", "CR-", "88002", "ada@example.com", "CR-0000", "CR-" + "Z" * 40, "XR-1"]
)
def test_another_text_is_no_id(text: str) -> None:
    with pytest.raises(ReceiptIdError):
        ReceiptId.read(text)


@pytest.mark.parametrize("number", NUMBERS)
def test_only_the_request_with_this_salt_has_the_id(number: int) -> None:
    made = ReceiptId.of(number, SALT)
    assert made.is_of(SALT)
    assert not made.is_of(OTHER)
    assert not made.is_of(None)
    assert made.mark not in {ReceiptId.of(number, OTHER).mark, ReceiptId.of(number + 1, SALT).mark}
