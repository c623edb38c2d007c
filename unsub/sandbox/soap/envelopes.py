"""SOAP 1.1 envelopes of replies and faults."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from . import xml_nodes
from .namespaces import FAULT, SOAP, WSA, WSSE, WSU

# lxml uses None as the key of the default namespace, which its type stubs do not allow.
_SOAP_MAP: dict[Any, str] = {"soap": SOAP, "wsa": WSA, "wsse": WSSE, "wsu": WSU}
_FAULT_MAP: dict[Any, str] = {None: FAULT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply before serialisation: the body element and its content."""

    element: str
    content: xml_nodes.Content


class FaultError(Exception):
    """A call answered with a SOAP fault; `body` is the envelope."""

    def __init__(self, label: str, body: bytes) -> None:
        super().__init__(label)
        self.label = label
        self.body = body


def reply(answer: Answer, *, action: str) -> bytes:
    """Return the envelope of a reply; `action` goes into its addressing header."""
    return _envelope(xml_nodes.message(answer.element, answer.content), action=action)


def request_id() -> str:
    """Return a new RequestID (GUID)."""
    return str(uuid.uuid4())


def security_fault(text: str) -> bytes:
    """Return a q0:Security fault without detail: `Token Expired` or `Login Failed`."""
    return _fault("q0:Security", text, None)


def client_fault(text: str) -> bytes:
    """Return a soap:Client fault: the request cannot be served."""
    return _fault("soap:Client", text, None)


def api_fault(code: int, text: str) -> bytes:
    """Return a soap:Server fault with an apifault of that code in its detail."""
    detail = etree.Element(f"{{{FAULT}}}apifault", nsmap=_FAULT_MAP)
    _add(detail, FAULT, Code=code, Message=text)
    return _fault("soap:Server", text, detail)


def _fault(code: str, text: str, detail: etree._Element | None) -> bytes:
    # faultcode is a qualified name: its prefix must be declared although no element uses it.
    fault = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP, "q0": WSSE})
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    if detail is not None:
        etree.SubElement(fault, "detail").append(detail)
    return _envelope(fault, action="fault")


def _envelope(content: etree._Element, *, action: str) -> bytes:
    # Marketing Cloud sends addressing headers and a timestamp; clients must accept both.
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=_SOAP_MAP)
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    _add(header, WSA, Action=action, MessageID=f"urn:uuid:{uuid.uuid4()}")
    security = etree.SubElement(header, f"{{{WSSE}}}Security")
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    _add(
        etree.SubElement(security, f"{{{WSU}}}Timestamp"),
        WSU,
        Created=f"{now.isoformat()}Z",
        Expires=f"{(now + timedelta(minutes=5)).isoformat()}Z",
    )
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(content)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def _add(parent: etree._Element, namespace: str, **texts: str | int) -> None:
    """Append one element per text, in the order given."""
    for name, text in texts.items():
        etree.SubElement(parent, f"{{{namespace}}}{name}").text = str(text)
