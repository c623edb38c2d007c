"""What the values of a topic mean, without a page or a database."""

import pytest

from unsub.models.topic import read_choices
from unsub.preferences.topics import OfferedTopic, RowKey, columns_by_row

SWITCH = OfferedTopic(code="tips", name="Tips")
LETTER = OfferedTopic(code="tips", name="Tips", on_value="Y", off_value="N", empty_value="Y")
OFTEN = OfferedTopic(
    code="often", name="How often?", off_value="never", empty_value="weekly",
    choices=(("weekly", "Every week"), ("never", "Never")),
    texts={"de": ("Wie oft?", "", {"weekly": "Jede Woche"})},
)  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "raw", "value", "is_on"),
    [
        (SWITCH, "true", "True", True),
        (SWITCH, "1", "True", True),
        (SWITCH, "no", "False", False),
        (SWITCH, " ", "False", False),
        (SWITCH, "perhaps", "perhaps", False),
        (LETTER, "y", "Y", True),
        (LETTER, "false", "N", False),
        (LETTER, "", "Y", True),
        (OFTEN, "WEEKLY", "weekly", True),
        (OFTEN, "", "weekly", True),
        (OFTEN, "never", "never", False),
        # A value that is offered no more is still one: somebody chose it.
        (OFTEN, "daily", "daily", True),
    ],
)
def test_a_stored_value_means_one_of_the_topic_s(
    topic: OfferedTopic, raw: str, value: str, is_on: bool
) -> None:
    assert topic.value_of(raw) == value
    assert topic.is_on(value) is is_on


def test_what_a_language_lacks_is_the_topic_s_own() -> None:
    german = OFTEN.in_language("de")
    assert (german.name, german.choices) == (
        "Wie oft?", (("weekly", "Jede Woche"), ("never", "Never")),
    )  # fmt: skip
    assert OFTEN.in_language("fr") == OFTEN


def test_choices_are_read_line_by_line() -> None:
    text = "weekly = Every week\n\n  = nothing\nnever\nmonthly=a = b"
    assert list(read_choices(text)) == [
        ("weekly", "Every week"), ("never", "never"), ("monthly", "a = b"),
    ]  # fmt: skip


def test_topics_in_one_row_are_one_read() -> None:
    place = RowKey("prefs", "SubscriberKey", "key")
    other = RowKey("prefs", "Email", "address")
    topics = [
        OfferedTopic(code=code, name=code, row=row, column=column)
        for code, row, column in (
            ("a", place, "A"), ("b", place, "B"), ("c", other, "C"), ("d", place, "A"),
            ("e", None, "City"),
        )
    ]  # fmt: skip
    assert columns_by_row(topics) == {place: ("A", "B"), other: ("C",)}
