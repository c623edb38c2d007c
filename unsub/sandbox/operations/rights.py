"""Rights of a token: which scope each call needs, and the answer to a call without it."""

from collections.abc import Collection

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.messages import Message
from unsub.sandbox.soap.xml_nodes import Node

READ = "list_and_subscribers_read"
WRITE = "list_and_subscribers_write"
TRACKING = "tracking_events_read"
SEND = "email_send"
EMAILS = "email_read"
READ_DATA = "data_extensions_read"
WRITE_DATA = "data_extensions_write"
# Of a package as the documentation asks for it.
SCOPES = frozenset({READ, WRITE, TRACKING, SEND, EMAILS, READ_DATA, WRITE_DATA})

# In the vendor's logs, for Retrieve. That Execute gets the same is our assumption.
_TEXT = "API Permission Failed."
# Label of a call -> scope; the longer label counts. Calls that are not listed need none.
_NEEDED = {
    "Execute": WRITE,
    "Retrieve": READ,
    "Retrieve:UnsubEvent": TRACKING,
    # Our assumption: the manual names no scope for it.
    "Retrieve:Send": EMAILS,
    "Retrieve:DataExtensionObject": READ_DATA,
    "Retrieve:DataExtensionField": READ_DATA,
    "Update": WRITE,
    "Update:DataExtensionObject": WRITE_DATA,
    "Create": WRITE,
    "Create:DataExtensionObject": WRITE_DATA,
    "Create:TriggeredSend": SEND,
}
_REPLIES = {
    "Execute": "ExecuteResponseMsg",
    "Retrieve": "RetrieveResponseMsg",
    "Describe": "DefinitionResponseMsg",
    "Update": "UpdateResponse",
    "Create": "CreateResponse",
}
_ONE_RESULT_EACH = frozenset({"Update", "Create"})


def is_allowed(message: Message, scopes: Collection[str]) -> bool:
    """Return whether a token with these scopes may make the call."""
    types = {one.object_type.partition("[")[0] for one in message.requests} or {""}
    labels = (f"{message.operation}:{one}" for one in types)
    needed = {_NEEDED.get(label, _NEEDED.get(message.operation)) for label in labels}
    return needed - {None} <= set(scopes)


def refusal(message: Message) -> Answer:
    """Return the reply to a call without its right."""
    content: dict[str, Node] = {"OverallStatus": f"Error: {_TEXT}", "RequestID": request_id()}
    if message.operation == "Describe":
        content = {"RequestID": request_id()}
    elif message.operation in _ONE_RESULT_EACH:
        content = _refused_objects(message)
    return Answer(element=_REPLIES[message.operation], content=content)


def _refused_objects(message: Message) -> dict[str, Node]:
    """Return the reply to an Update or Create. Assumption: the schema demands a result for each
    object, so each of them says it."""
    more: dict[str, Node] = {"NewID": 0} if message.operation == "Create" else {"Object": {}}
    results: list[Node] = [
        {
            "StatusCode": "Error",
            "StatusMessage": _TEXT,
            "OrdinalID": ordinal,
            **more,
        }
        for ordinal, _ in enumerate(message.requests)
    ]
    return {"Results": results, "RequestID": request_id(), "OverallStatus": "Error"}
