"""Rows that Retrieve returns: a unit's UnsubEvents, sends, Subscribers, lists and memberships.

A row maps property names to texts, in the order of the schema. `List.ID` is an ID inside a List.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from unsub.sandbox.soap.requests import Retrieve
from unsub.sandbox.soap.xml_nodes import Node
from unsub.sandbox.world.entities import Attribute, ListKind, MailList, Subscriber
from unsub.sandbox.world.store import Memory

from .retrieve_filter import SERVER_TIME, Row, exact_values

# Returned even where Properties does not request it.
ALWAYS = frozenset({"Attributes"})
# Properties of every object type at the vendor. Where a row has no value for one, it is left out.
_COMMON = (
    "Client",
    "Client.ID",
    "PartnerKey",
    "CreatedDate",
    "ModifiedDate",
    "ID",
    "ObjectID",
    "CustomerKey",
)
# Object type -> properties of its own that can be requested and filtered by.
OWN_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "UnsubEvent": (
        "SendID",
        "SubscriberKey",
        "EventDate",
        "EventType",
        "TriggeredSendDefinitionObjectID",
        "BatchID",
        "List",
        "List.ID",
        "IsMasterUnsubscribed",
    ),
    "Subscriber": (
        "EmailAddress",
        "Attributes",
        "SubscriberKey",
        "UnsubscribedDate",
        "Status",
        "EmailTypePreference",
    ),
    "Send": ("NumberSent", "NumberDelivered", "Unsubscribes", "Subject", "SentDate", "EmailName"),
    "List": ("ListName", "Category", "Type", "Description", "ListClassification"),
    "ListSubscriber": ("Status", "ListID", "SubscriberKey"),
    "DataExtensionField": (
        "Name",
        "DefaultValue",
        "MaxLength",
        "IsRequired",
        "Ordinal",
        "IsPrimaryKey",
        "FieldType",
        "DataExtension",
        "DataExtension.CustomerKey",
    ),
}
PROPERTIES = {kind: (*_COMMON, *own) for kind, own in OWN_PROPERTIES.items()}

_CLASSES = {
    ListKind.ALL: "ExactTargetList",
    ListKind.PUBLICATION: "PublicationList",
    ListKind.SUPPRESSION: "SuppressionList",
}
_NAMES = {"ID": "SubscriberID", "SubscriberKey": "SubscriberKey", "EmailAddress": "EmailAddress"}


def unsub_events(memory: Memory, mid: int, _request: Retrieve) -> Iterator[Row]:
    """Yield the unit's UnsubEvents, oldest first."""
    for entry in memory.entries("event"):
        if entry.mid == mid:
            found = {
                "Client.ID": entry.mid,
                "SendID": entry.job_id,
                "SubscriberKey": entry.subscriber_key,
                "EventDate": _server_time(entry.at),
                "EventType": "Unsubscribe",
                "BatchID": entry.batch_id,
                "List.ID": entry.list_id,
                "IsMasterUnsubscribed": "true" if entry.master else "false",
            }
            yield {name: str(value) for name, value in found.items() if value is not None}


def sends(memory: Memory, mid: int, _request: Retrieve) -> Iterator[Row]:
    """Yield the unit's sends, newest first. Assumption: all that was sent was delivered."""
    left = Counter(entry.job_id for entry in memory.entries("event"))
    for job in memory.jobs.values():
        if job.mid == mid:
            number = str(len(memory.subscribers) - len(job.not_sent_to & set(memory.subscribers)))
            yield {
                "Client.ID": str(mid),
                "ID": str(job.job_id),
                "NumberSent": number,
                "NumberDelivered": number,
                "Unsubscribes": str(left[job.job_id]),
                "Subject": job.subject,
                "SentDate": _server_time(_days_ago(job.days_ago)),
                "EmailName": job.name,
            }


def subscribers(memory: Memory, mid: int, request: Retrieve) -> Iterator[Row]:
    """Yield the subscribers of the enterprise that the filter can match."""
    for subscriber in _people(memory, request, _NAMES):
        found: dict[str, Node] = {
            "Client.ID": str(mid),
            "ID": str(subscriber.subscriber_id),
            "EmailAddress": subscriber.email,
            "Attributes": _attributes(memory.attributes.values(), subscriber),
            "SubscriberKey": subscriber.key,
            "UnsubscribedDate": subscriber.unsubscribed_at
            and _server_time(subscriber.unsubscribed_at),
            "Status": subscriber.status,
            "EmailTypePreference": subscriber.email_type,
        }
        yield {name: value for name, value in found.items() if value is not None}


def lists(memory: Memory, mid: int, _request: Retrieve) -> Iterator[Row]:
    """Yield the lists of the unit. Groups are another object type."""
    for one in memory.lists.values():
        if one.mid == mid and one.kind in _CLASSES:
            yield {
                "Client.ID": str(mid),
                "ID": str(one.list_id),
                "ListName": one.name,
                "Type": _type(one),
                "Description": one.description,
                "ListClassification": _CLASSES[one.kind],
            }


def list_subscribers(memory: Memory, mid: int, request: Retrieve) -> Iterator[Row]:
    """Yield the memberships in the unit's lists, groups included."""
    known = [one for one in memory.lists.values() if one.mid == mid]
    for subscriber in _people(memory, request, {"SubscriberKey": "SubscriberKey"}):
        for one in known:
            status = memory.people.status(subscriber, one)
            if status:
                yield {
                    "Client.ID": str(mid),
                    "Status": status,
                    "ListID": str(one.list_id),
                    "SubscriberKey": subscriber.key,
                }


def data_columns(memory: Memory, mid: int, _request: Retrieve) -> Iterator[Row]:
    """Yield the columns of the unit's data extensions."""
    for table in memory.tables.known.values():
        if table.mid == mid:
            for ordinal, one in enumerate(table.columns):
                found = {
                    "Client.ID": str(mid),
                    "CustomerKey": f"[{table.key}].[{one.name}]",
                    "Name": one.name,
                    "DefaultValue": one.default or None,
                    "MaxLength": one.max_length and str(one.max_length),
                    "IsRequired": "true" if one.required else "false",
                    "Ordinal": str(ordinal),
                    "IsPrimaryKey": "true" if one.name == table.primary_key else "false",
                    "FieldType": one.data_type,
                    "DataExtension.CustomerKey": table.key,
                }
                yield {name: value for name, value in found.items() if value is not None}


KINDS: Mapping[str, Callable[[Memory, int, Retrieve], Iterator[Row]]] = {
    "UnsubEvent": unsub_events,
    "Send": sends,
    "Subscriber": subscribers,
    "List": lists,
    "ListSubscriber": list_subscribers,
    "DataExtensionField": data_columns,
}


def _people(memory: Memory, request: Retrieve, names: Mapping[str, str]) -> Iterable[Subscriber]:
    """Return the subscribers that an exact filter can match, else all. Uses the index: with 100,000
    subscribers or more, scanning all of them takes longer than a page may."""
    for property_name, name in names.items():
        values = exact_values(request.filter, property_name)
        if values is not None:
            found = (x for value in values for x in memory.people.named(name, value))
            return {x.subscriber_id: x for x in found}.values()
    return list(memory.subscribers.values())


def _attributes(known: Iterable[Attribute], subscriber: Subscriber) -> Sequence[Node]:
    return [{"Name": x.name, "Value": subscriber.attributes.get(x.name, "")} for x in known]


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def _server_time(at: str) -> str:
    local = datetime.fromisoformat(at).astimezone(SERVER_TIME)
    return local.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _type(one: MailList) -> str:
    if one.kind is ListKind.ALL:
        return "Master"
    return "Public" if one.public else "Private"
