"""What a message asks for, one value for each part of it that is answered on its own.

`client_id` is the MID it speaks for as it was written, or None for the account's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .changes import Names
from .records import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One entry of `Requests`. `parameters` None: Name or Value was not where it has to be."""

    name: str
    client_id: str | None
    parameters: Mapping[str, str] | None

    object_type = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieve:
    """What a Retrieve asks for. `values` are texts or dates as they were written; `client_id` is
    the first of ClientIDs; `filtered_by` and `operator` are empty without a filter."""

    object_type: str
    properties: tuple[str, ...]
    client_id: str | None
    filtered_by: str
    operator: str
    values: tuple[str, ...]
    continues: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """One type of object that a Describe asks about."""

    object_type: str
    client_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberUpdate:
    """One Subscriber of an Update."""

    client_id: str | None
    names: Names
    change: Change

    object_type = "Subscriber"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody whom a triggered send is for; `attributes` are theirs and those of the send."""

    key: str
    email: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredSend:
    """One TriggeredSend of a Create; `definition` is a customer key."""

    client_id: str | None
    definition: str
    recipients: tuple[Recipient, ...]

    object_type = "TriggeredSend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """An object of a type that the stand-in does nothing with."""

    object_type: str
    client_id: str | None


Asked: TypeAlias = (
    ExecuteRequest | Retrieve | Describe | SubscriberUpdate | TriggeredSend | Unserved
)
