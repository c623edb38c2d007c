"""The target of a request: a list, everything, an attribute, a topic. Of two requests of one
subscriber about the same target the later one counts."""

from dataclasses import dataclass
from enum import StrEnum


class TargetType(StrEnum):
    """The type of a request's target."""

    LIST = "list"
    EVERYTHING = "everything"
    JOB = "job"  # the list that this job was sent to: only Marketing Cloud knows which
    ATTRIBUTE = "attribute"
    FORMAT = "format"
    ADDRESS = "address"
    TOPIC = "topic"


_WITH_ID = frozenset({TargetType.LIST, TargetType.JOB})
_WITH_NAME = frozenset({TargetType.ATTRIBUTE, TargetType.TOPIC})


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `id` is the ListID or JobID, `name` the attribute's name
    or the topic's code."""

    type: TargetType
    id: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where `id` or `name` does not fit the type."""
        if (self.id is not None) is not (self.type in _WITH_ID):
            raise ValueError(f"a target of the type {self.type} and its id do not fit")
        if bool(self.name) is not (self.type in _WITH_NAME):
            raise ValueError(f"a target of the type {self.type} and its name do not fit")

    def __str__(self) -> str:
        """Return the target as exports show it: `list:7001`, `attribute:City`, `everything`."""
        what = self.name if self.id is None else str(self.id)
        return f"{self.type}:{what}" if what else self.type.value


EVERYTHING = Target(TargetType.EVERYTHING)
