"""What a filter of Retrieve keeps: simple conditions, joined by AND or OR."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

from unsub.sandbox.soap.filters import ComplexFilter, Filter, SimpleFilter
from unsub.sandbox.soap.xml_nodes import Node

# Tracking is in the vendor's own time, without a zone: Central Standard Time all year.
SERVER_TIME = timezone(timedelta(hours=-6))
Row: TypeAlias = Mapping[str, Node]
Predicate: TypeAlias = Callable[[Row], bool]
# A value in the form in which it is compared.
Value: TypeAlias = datetime | int | str

NUMBERS = frozenset({
    "ID", "NumberSent", "NumberDelivered", "Unsubscribes", "SendID", "BatchID", "ListID", "List.ID",
    "Client.ID",
})  # fmt: skip
TIMES = frozenset({"EventDate", "SentDate", "UnsubscribedDate", "CreatedDate", "ModifiedDate"})
_JOINS: Mapping[str, Callable[[Sequence[bool]], bool]] = {"AND": all, "OR": any}


class RetrieveError(Exception):
    """A Retrieve that cannot be served; the reply has the message after `Error: `."""


def predicate(condition: Filter | None, known: Collection[str]) -> Predicate:
    """Return whether a row is kept, as a function. `known` are the properties of the object type.
    Raises RetrieveError for a condition that cannot be served."""
    if condition is None:
        return lambda _row: True
    if isinstance(condition, ComplexFilter):
        return _joined(condition, known)
    return _simple(condition, known)


def exact_values(condition: Filter | None, name: str) -> tuple[str, ...] | None:
    """Return the values of which the property must have one, or None where the filter does not
    say."""
    if isinstance(condition, SimpleFilter):
        exact = condition.operator in {"equals", "IN"} and condition.property == name
        return condition.values if exact else None
    if condition is None or condition.operator != "AND":
        return None
    found = (exact_values(one, name) for one in condition.operands)
    return next((values for values in found if values is not None), None)


def operators() -> Collection[str]:
    """Return the simple operators that are served."""
    return frozenset({*_PRESENCE, *_TESTS})


def _joined(condition: ComplexFilter, known: Collection[str]) -> Predicate:
    join = _JOINS.get(condition.operator)
    if join is None or not condition.operands:
        raise RetrieveError("A complex filter needs AND or OR, and operands")
    parts = [predicate(one, known) for one in condition.operands]
    return lambda row: join([part(row) for part in parts])


def _simple(condition: SimpleFilter, known: Collection[str]) -> Predicate:
    name, operator = condition.property, condition.operator
    if name not in known:
        raise RetrieveError(f"The Filter Property {name!r} is not a field of this retrieve")
    if operator in _PRESENCE:
        present = _PRESENCE[operator]
        return lambda row: bool(row.get(name)) is present
    if operator not in _VALUES or not _fits(_VALUES[operator], len(condition.values)):
        raise RetrieveError(
            f"The operator {operator!r} is not served with {len(condition.values)} values"
        )
    wanted = [_value(name, value) for value in condition.values]
    if operator in _ORDERED and any(isinstance(x, str) for x in wanted) and name in NUMBERS:
        raise RetrieveError(f"{name} has to be compared with a number")
    test = _TESTS[operator]
    # As in SQL, a missing value meets no condition.
    return lambda row: bool(row.get(name)) and test(_value(name, str(row[name])), wanted)


def _fits(count: int, given: int) -> bool:
    return given >= 1 if count == _ANY else given == count


def _value(name: str, text: str) -> Value:
    """Return a value as it is compared: texts in any letter case."""
    if name in TIMES:
        return _time(text)
    if name in NUMBERS and re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    return text.casefold()


def _time(text: str) -> datetime:
    """Return a time in UTC. A time without a zone is taken as the vendor's own."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RetrieveError("A date could not be read") from None
    return (at if at.tzinfo else at.replace(tzinfo=SERVER_TIME)).astimezone(UTC)


def _like(value: str, pattern: str) -> bool:
    """Return whether a text matches a pattern with % and _. Assumption: without either, it has to
    contain the pattern."""
    if not {"%", "_"} & set(pattern):
        return pattern in value
    parts = ({"%": ".*", "_": "."}.get(x, re.escape(x)) for x in pattern)
    return bool(re.fullmatch("".join(parts), value, re.DOTALL))


def _has_word(value: str, word: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", value))


def _text(test: Callable[[str, str], bool]) -> Callable[[Value, Sequence[Value]], bool]:
    return lambda value, wanted: test(str(value), str(wanted[0]))


_Test: TypeAlias = Callable[[Value, Sequence[Value]], bool]
_PRESENCE = {"isNull": False, "isNotNull": True}
_ANY = -1
_TESTS: Mapping[str, _Test] = {
    "equals": lambda value, wanted: value == wanted[0],
    "notEquals": lambda value, wanted: value != wanted[0],
    "IN": lambda value, wanted: value in wanted,
    "greaterThan": lambda value, wanted: value > wanted[0],  # type: ignore[operator]
    "greaterThanOrEqual": lambda value, wanted: value >= wanted[0],  # type: ignore[operator]
    "lessThan": lambda value, wanted: value < wanted[0],  # type: ignore[operator]
    "lessThanOrEqual": lambda value, wanted: value <= wanted[0],  # type: ignore[operator]
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],  # type: ignore[operator]
    "like": _text(_like),
    "contains": _text(lambda value, part: part in value),
    "notContains": _text(lambda value, part: part not in value),
    "existsInString": _text(lambda value, part: part in value),
    "notExistsInString": _text(lambda value, part: part not in value),
    "existsInStringAsAWord": _text(_has_word),
    "beginsWith": _text(str.startswith),
    "endsWith": _text(str.endswith),
}
_VALUES = dict.fromkeys(_TESTS, 1) | {"IN": _ANY, "between": 2}
_ORDERED = frozenset(
    {"greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual", "between"}
)
