"""Describe: the properties of an object type; for a Subscriber with its profile attributes."""

from collections.abc import Iterable, Mapping, Sequence

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.requests import Describe
from unsub.sandbox.soap.xml_nodes import NIL, Node
from unsub.sandbox.world.attributes import LONGEST_ADDRESS
from unsub.sandbox.world.entities import Attribute

from .call import Call
from .retrieve_filter import NUMBERS, TIMES
from .retrieve_rows import PROPERTIES

# Properties of every account: name, data type, and whether an Update may write it.
_STANDARD = (
    ("ID", "Int32", False),
    ("CreatedDate", "DateTime", False),
    ("EmailAddress", "String", True),
    ("SubscriberKey", "String", True),
    ("UnsubscribedDate", "DateTime", False),
    ("Status", "String", True),
    ("EmailTypePreference", "String", True),
)
_REQUIRED = frozenset({"EmailAddress", "SubscriberKey"})


def describe(call: Call, requests: Iterable[Describe]) -> Answer:
    """Return the reply to a Describe. Unknown object types are left out."""
    found = []
    for one in requests:
        call.unit(one.client_id)
        if one.object_type == "Subscriber":
            found.append(_subscriber(tuple(call.memory.attributes.values())))
        elif one.object_type in PROPERTIES:
            found.append(_other(one.object_type))
    content: dict[str, Node] = {"ObjectDefinition": found, "RequestID": request_id()}
    return Answer(element="DefinitionResponseMsg", content=content)


def _subscriber(attributes: Sequence[Attribute]) -> Node:
    return {
        "ObjectType": "Subscriber",
        "Name": "Subscriber",
        "IsCreatable": True,
        "IsUpdatable": True,
        "IsRetrievable": True,
        "Properties": [_standard(*one) for one in _STANDARD],
        "ExtendedProperties": {
            "ExtendedProperty": [_attribute(one, order) for order, one in enumerate(attributes)]
        },
    }


def _other(kind: str) -> Node:
    return {
        "ObjectType": kind,
        "Name": kind,
        "IsCreatable": False,
        "IsUpdatable": False,
        "IsRetrievable": True,
        "Properties": [_standard(name, _data_type(name), False) for name in PROPERTIES[kind]],
    }


def _data_type(name: str) -> str:
    if name in NUMBERS:
        return "Int32"
    if name in TIMES:
        return "DateTime"
    return "Boolean" if name.startswith("Is") else "String"


def _standard(name: str, data_type: str, updatable: bool) -> Mapping[str, Node]:
    return {
        "PartnerKey": NIL,
        "ObjectID": NIL,
        "Name": name,
        "DataType": data_type,
        "IsUpdatable": updatable,
        "IsRetrievable": True,
        "MaxLength": LONGEST_ADDRESS if name in _REQUIRED else None,
        "IsRequired": name in _REQUIRED,
    }


def _attribute(one: Attribute, order: int) -> Mapping[str, Node]:
    return {
        "PartnerKey": NIL,
        "ObjectID": NIL,
        "Name": one.name,
        "DataType": one.data_type,
        "PropertyType": _PROPERTY_TYPES.get(one.data_type, "string"),
        "IsCreatable": True,
        "IsUpdatable": True,
        "IsRetrievable": True,
        "Label": one.name,
        "Description": one.description,
        "DefaultValue": one.default,
        "MinLength": one.min_length,
        "MaxLength": one.max_length,
        "IsRequired": one.required,
        "IsViewable": one.viewable,
        "IsEditable": one.editable,
        "IsRestrictedPicklist": bool(one.choices),
        "PicklistItems": {"PicklistItem": [_item(one, x) for x in one.choices]}
        if one.choices
        else None,
        "DisplayOrder": order,
    }


def _item(one: Attribute, choice: str) -> Mapping[str, Node]:
    return {"IsDefaultValue": choice == one.default, "Label": choice, "Value": choice}


_PROPERTY_TYPES = {
    "Boolean": "boolean",
    "Date": "datetime",
    "Decimal": "double",
    "Number": "double",
}
