"""Parse the objects of Update and Create."""

from collections.abc import Iterator

from lxml import etree

from unsub.sandbox.world.records import Change, ListChange
from unsub.sandbox.world.update_rules import Names

from .elements import at, client_of, number, text, values
from .namespaces import XSI
from .requests import AnyRequest, DataRow, Recipient, SubscriberUpdate, TriggeredSend, Unserved

# The others change a known subscriber as an Update does; an unknown one is an error all the same.
_UNSERVED_ACTIONS = frozenset({"AddOnly", "Nothing", "Delete"})


def updates(call: etree._Element) -> Iterator[AnyRequest]:
    """Yield the objects of an UpdateRequest."""
    for item in call.iterfind(at("Objects")):
        kind, client_id = _type(item), _client(call, item)
        if kind == "Subscriber":
            yield SubscriberUpdate(client_id=client_id, names=_names(item), change=_change(item))
        elif kind == "DataExtensionObject":
            yield _row(item, client_id, upserts="UpdateAdd" in _actions(call))
        else:
            yield Unserved(object_type=kind, client_id=client_id)


def creations(call: etree._Element) -> Iterator[AnyRequest]:
    """Yield the objects of a CreateRequest."""
    for item in call.iterfind(at("Objects")):
        kind, client_id = _type(item), _client(call, item)
        if kind == "TriggeredSend":
            yield TriggeredSend(
                client_id=client_id,
                definition=text(item, at("TriggeredSendDefinition", "CustomerKey")) or "",
                recipients=tuple(_recipients(item)),
            )
        elif kind == "DataExtensionObject":
            yield _row(item, client_id, upserts="UpdateAdd" in _actions(call))
        else:
            yield Unserved(object_type=kind, client_id=client_id)


def unserved_option(call: etree._Element) -> str:
    """Return an option of an Update or Create that asks for what the sandbox does not do, or ""."""
    if text(call, at("Options", "RequestType")) == "Asynchronous":
        return "RequestType Asynchronous"
    return next((f"SaveAction {x}" for x in _actions(call) if x in _UNSERVED_ACTIONS), "")


def _actions(call: etree._Element) -> list[str | None]:
    """Return the SaveActions of an Update or Create. They apply to all of its objects."""
    path = at("Options", "SaveOptions", "SaveOption", "SaveAction")
    return [one.text for one in call.iterfind(path)]


def _row(item: etree._Element, client_id: str | None, *, upserts: bool) -> DataRow:
    """Return a row. Its key may be among the keys or the properties: public SDKs write either."""
    found: dict[str, str] = {}
    for outer, inner in (("Keys", "Key"), ("Properties", "Property")):
        for one in item.iterfind(at(outer)):
            found |= values(one, inner)
    key = text(item, at("CustomerKey")) or ""
    return DataRow(client_id=client_id, key=key, values=found, upserts=upserts)


def _type(item: etree._Element) -> str:
    return (item.get(f"{{{XSI}}}type") or "").rpartition(":")[2]


def _client(call: etree._Element, item: etree._Element) -> str | None:
    """Return the MID of an object. Assumption: its own Client takes precedence over that in
    Options."""
    options = call.find(at("Options"))
    return client_of(item) or (None if options is None else client_of(options))


def _names(item: etree._Element) -> Names:
    return Names(
        subscriber_id=text(item, at("ID")) or "",
        key=text(item, at("SubscriberKey")) or "",
        email=text(item, at("EmailAddress")) or "",
    )


def _change(item: etree._Element) -> Change:
    return Change(
        email=text(item, at("EmailAddress")),
        email_type=text(item, at("EmailTypePreference")),
        status=text(item, at("Status")),
        attributes=values(item, "Attributes"),
        lists=tuple(
            ListChange(
                # No list has ID 0: an unreadable ID becomes an unknown list.
                list_id=number(text(one, at("ID"))) or 0,
                status=text(one, at("Status")),
                action=(text(one, at("Action")) or "upsert").lower(),
            )
            for one in item.iterfind(at("Lists"))
        ),
    )


def _recipients(item: etree._Element) -> Iterator[Recipient]:
    for one in item.iterfind(at("Subscribers")):
        yield Recipient(
            key=text(one, at("SubscriberKey")) or "",
            email=text(one, at("EmailAddress")) or "",
            attributes=values(item, "Attributes") | values(one, "Attributes"),
        )
