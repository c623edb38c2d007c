"""A unit's topics as the page offers them, with what they are worth to one subscriber."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from unsub.infra.database_timeout import fail_fast
from unsub.infra.kept import Kept
from unsub.models import KeyHolds, Topic, TopicKept, TopicText
from unsub.models.mailing_list import LAST
from unsub.models.topic import read_choices
from unsub.units import all_subscribers

# A marketer's change shows after this time at the latest.
KEPT_FOR = 2.0  # seconds
_kept: Kept[int, tuple["OfferedTopic", ...]] = Kept(seconds=KEPT_FOR)
# What data extensions give back for a yes or no, beside the two values themselves.
_YES, _NO = frozenset({"true", "1", "yes", "y"}), frozenset({"false", "0", "no", "n"})


@dataclass(frozen=True, slots=True)
class RowKey:
    """How rows of a data extension are found: its CustomerKey, its key column, what that holds."""

    data_extension: str
    column: str
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTopic:
    """One topic. `row` is None for one that is kept in the profile attribute `column`. `choices`
    are (value, label) of a pick list. `texts` maps a language to name, description and labels, of
    which any may be empty. `list_id` is the list that is left with the topic; never All
    Subscribers."""

    code: str
    name: str
    description: str = ""
    offered: bool = True
    position: int = LAST
    row: RowKey | None = None
    column: str = ""
    on_value: str = "True"
    off_value: str = "False"
    empty_value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    list_id: int | None = None
    texts: Mapping[str, tuple[str, str, Mapping[str, str]]] = field(default_factory=dict)

    def in_language(self, language: str) -> "OfferedTopic":
        """Return the topic with its texts in a language, else its own."""
        name, description, labels = self.texts.get(language, ("", "", {}))
        return replace(
            self,
            name=name or self.name,
            description=description or self.description,
            choices=tuple((value, labels.get(value, label)) for value, label in self.choices),
        )

    def value_of(self, raw: str) -> str:
        """Return what a stored value means: one of the topic's values where it is one of them in
        any letter case; what counts for no value; another value as it is."""
        text = raw.strip()
        if not text:
            return self.empty_value or self.off_value
        own = [value for value, _ in self.choices] or [self.on_value, self.off_value]
        for value in own:
            if value.casefold() == text.casefold():
                return value
        if not self.choices:
            for words in (_YES, _NO):
                alike = [value for value in own if value.casefold() in words]
                if text.casefold() in words and alike:
                    return alike[0]
        return text

    def is_on(self, value: str) -> bool:
        """Return whether somebody with this value gets the topic's emails."""
        if self.choices:
            return value not in {"", self.off_value}
        return value == self.on_value

    def label_of(self, value: str) -> str:
        """Return the label of a choice, else the value."""
        return dict(self.choices).get(value, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic, and its value for one subscriber once their requests are done. `is_known` is False
    where it could not be read. `list_is_left`: the subscriber is off the list that goes with the
    topic, and gets none of its emails, whatever the value. `note` is as that of a Subscription, or
    `changing` for another choice that is on its way."""

    topic: OfferedTopic
    value: str = ""
    is_known: bool = False
    list_is_left: bool = False
    note: str = ""

    @property
    def is_on(self) -> bool:
        """Whether the subscriber gets the topic's emails."""
        return self.is_known and self.topic.is_on(self.shown)

    @property
    def shown(self) -> str:
        """The value to show: that for off where the list was left, or "" where there is none."""
        is_off = self.list_is_left and self.topic.is_on(self.value)
        return self.topic.off_value if is_off else self.value

    @property
    def label(self) -> str:
        """The label of the choice; "" for none."""
        return self.topic.label_of(self.shown)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """(value, label, whether it is chosen) of a pick list."""
        return [(value, label, value == self.shown) for value, label in self.topic.choices]


def topics_of(mid: int) -> tuple[OfferedTopic, ...]:
    """Return a unit's topics, in order. Kept for KEPT_FOR. Raises DatabaseError,
    InterfaceError."""
    return _kept(mid, lambda: _read(mid))


def _read(mid: int) -> tuple[OfferedTopic, ...]:
    with fail_fast():
        rows = list(Topic.objects.filter(unit_id=mid).order_by("position", "name"))
        texts = list(TopicText.objects.filter(topic__in=rows).order_by()) if rows else []
        is_linked = any(row.unsubscribes_list_id is not None for row in rows)
        # Scope never widens: which list it is may have become known after the topic was saved.
        everything = all_subscribers.list_ids(mid) if is_linked else frozenset()
    return tuple(
        _offered(row, [one for one in texts if one.topic_id == row.pk], everything) for row in rows
    )


def _offered(row: Topic, texts: Iterable[TopicText], everything: Collection[int]) -> OfferedTopic:
    is_column = row.kept_in == TopicKept.COLUMN
    return OfferedTopic(
        code=row.code,
        name=row.name,
        description=row.description,
        offered=row.offered,
        position=row.position,
        row=RowKey(row.data_extension, row.key_column, KeyHolds(row.key_holds))
        if is_column
        else None,
        column=row.column,
        on_value=row.on_value,
        off_value=row.off_value,
        empty_value=row.empty_value,
        choices=tuple(read_choices(row.choices)),
        list_id=None if row.unsubscribes_list_id in everything else row.unsubscribes_list_id,
        texts={
            one.language: (one.name, one.description, dict(read_choices(one.choices)))
            for one in texts
        },
    )


def columns_by_row(topics: Iterable[OfferedTopic]) -> dict[RowKey, tuple[str, ...]]:
    """Return the columns to read of each data extension: one read for all topics in one row."""
    found: dict[RowKey, dict[str, None]] = {}
    for one in topics:
        if one.row is not None:
            found.setdefault(one.row, {})[one.column] = None
    return {row: tuple(columns) for row, columns in found.items()}
