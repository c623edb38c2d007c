"""Replies to Describe, Update, Create and Retrieve, in the shape of captured ones."""

from xml.sax.saxutils import escape

from tests.sfmc.vendor import GUID, HEAD, TAIL

NIL = 'xsi:nil="true"'


def message(name: str, content: str) -> bytes:
    """Return a SOAP reply with this body element."""
    return (
        f'{HEAD}<{name} xmlns="http://exacttarget.com/wsdl/partnerAPI"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{content}</{name}>{TAIL}'
    ).encode()


def described(*attributes: str) -> bytes:
    """Return a DefinitionResponseMsg of a Subscriber, with some elements that the client
    ignores."""
    own = (
        f"<Properties><PartnerKey {NIL}/><ObjectID {NIL}/><Name>EmailAddress</Name>"
        "<DataType>String</DataType><IsUpdatable>true</IsUpdatable><MaxLength>254</MaxLength>"
        "</Properties>"
    )
    more = f"<ExtendedProperties>{''.join(attributes)}</ExtendedProperties>" if attributes else ""
    return message(
        "DefinitionResponseMsg",
        f"<ObjectDefinition><ObjectType>Subscriber</ObjectType>{own}{more}</ObjectDefinition>"
        f"<RequestID>{GUID}</RequestID>",
    )


def attribute(name: str, **fields: str) -> str:
    """Return an ExtendedProperty. `fields` are elements in the vendor's order, values as XML."""
    content = "".join(f"<{field}>{value}</{field}>" for field, value in fields.items())
    return (
        f"<ExtendedProperty><PartnerKey {NIL}/><ObjectID {NIL}/><Name>{escape(name)}</Name>"
        f"<DataType>string</DataType><PropertyType>string</PropertyType>{content}"
        "</ExtendedProperty>"
    )


def choice(value: str, label: str, *, default: bool = False) -> str:
    """Return a PicklistItem."""
    said = "<IsDefaultValue>true</IsDefaultValue>" if default else ""
    return f"<PicklistItem>{said}<Label>{label}</Label><Value>{value}</Value></PicklistItem>"


def result(kind: str, status: str = "OK", words: str = "Done.", more: str = "") -> str:
    """Return one Results element of an UpdateResponse or CreateResponse."""
    return (
        f'<Results xsi:type="{kind}"><StatusCode>{status}</StatusCode>'
        f"<StatusMessage>{words}</StatusMessage>{more}</Results>"
    )


def updated(*results: str, status: str = "OK") -> bytes:
    """Return an UpdateResponse."""
    return message("UpdateResponse", _answer("".join(results), status))


def created(*results: str, status: str = "OK") -> bytes:
    """Return a CreateResponse."""
    return message("CreateResponse", _answer("".join(results), status))


def rows(*found: str, status: str = "OK") -> bytes:
    """Return a RetrieveResponseMsg."""
    head = f"<OverallStatus>{status}</OverallStatus><RequestID>{GUID}</RequestID>"
    return message("RetrieveResponseMsg", f"{head}{''.join(found)}")


def subscriber(number: int, key: str, email: str, *attributes: tuple[str, str | None]) -> str:
    """Return a Subscriber row. An attribute value of None is nil."""
    values = "".join(
        f"<Attributes><Name>{name}</Name>"
        + (f"<Value {NIL}/>" if value is None else f"<Value>{value}</Value>")
        + "</Attributes>"
        for name, value in attributes
    )
    return (
        f'<Results xsi:type="Subscriber"><PartnerKey {NIL}/><ID>{number}</ID><ObjectID {NIL}/>'
        f"<EmailAddress>{email}</EmailAddress>{values}<SubscriberKey>{key}</SubscriberKey>"
        "<Status>Active</Status><EmailTypePreference>HTML</EmailTypePreference></Results>"
    )


def place(key: str, list_id: int, status: str = "Active") -> str:
    """Return a ListSubscriber row."""
    return (
        f'<Results xsi:type="ListSubscriber"><PartnerKey {NIL}/><ObjectID {NIL}/>'
        f"<Status>{status}</Status><ListID>{list_id}</ListID>"
        f"<SubscriberKey>{key}</SubscriberKey></Results>"
    )


def _answer(results: str, status: str) -> str:
    """Return the results followed by RequestID and OverallStatus."""
    return f"{results}<RequestID>{GUID}</RequestID><OverallStatus>{status}</OverallStatus>"
