"""Parsed request parts: one value for each part of a message that gets its own result.

`client_id` is the MID as written in the message, or None for the account's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from unsub.sandbox.world.records import Change
from unsub.sandbox.world.update_rules import Names

from .filters import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One entry of `Requests`. `parameters` is None where a Parameter lacks its Name or Value
    element."""

    name: str
    client_id: str | None
    parameters: Mapping[str, str] | None

    object_type = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieve:
    """A Retrieve request. `batch_size` is as written, None where not given. `unserved` names parts
    that the sandbox does not serve."""

    object_type: str
    properties: tuple[str, ...]
    client_id: str | None
    filter: Filter | None
    batch_size: str | None
    continues: str | None
    unserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """One object type in a Describe."""

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
    """A recipient of a triggered send. `attributes` are the send's, overridden by the
    recipient's."""

    key: str
    email: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredSend:
    """One TriggeredSend of a Create. `definition` is a CustomerKey."""

    client_id: str | None
    definition: str
    recipients: tuple[Recipient, ...]

    object_type = "TriggeredSend"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    """One DataExtensionObject of an Update or Create: a row of the data extension with that
    CustomerKey. `values` are its keys and properties; `upserts`: inserted where it is not there."""

    client_id: str | None
    key: str
    values: Mapping[str, str]
    upserts: bool = False

    object_type = "DataExtensionObject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """An object of a type that the sandbox does not support."""

    object_type: str
    client_id: str | None


AnyRequest: TypeAlias = (
    ExecuteRequest | Retrieve | Describe | SubscriberUpdate | TriggeredSend | DataRow | Unserved
)
