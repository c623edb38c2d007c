"""SOAP envelopes of replies and faults, in the version of the request."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from . import xml_nodes
from .namespaces import FAULT, SOAP, SOAP_12, WSA, WSSE, WSU

# lxml uses None as the key of the default namespace, which its type stubs do not allow.
_FAULT_MAP: dict[Any, str] = {None: FAULT}
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# faultcode of SOAP 1.1 -> Value of SOAP 1.2. The vendor documents 1.1; that q0:Security becomes a
# subcode of Sender is our assumption.
_CODES_12 = {
    "soap:Client": "soap:Sender",
    "soap:Server": "soap:Receiver",
    "q0:Security": "soap:Sender",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply before serialisation: the body element and its content."""

    element: str
    content: xml_nodes.Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault before serialisation. `code` is the faultcode of SOAP 1.1, `api_code` that of the
    apifault in its detail; without one there is no detail."""

    code: str
    text: str
    api_code: int | None = None


class FaultError(Exception):
    """A call answered with a SOAP fault. `label` names it in the counters."""

    def __init__(self, label: str, fault: Fault) -> None:
        super().__init__(label)
        self.label = label
        self.fault = fault


def reply(answer: Answer, *, action: str, soap: str = SOAP) -> bytes:
    """Return the envelope of a reply; `action` goes into its addressing header. `soap` is the
    namespace of the SOAP version."""
    return _envelope(xml_nodes.message(answer.element, answer.content), action=action, soap=soap)


def request_id() -> str:
    """Return a new RequestID (GUID)."""
    return str(uuid.uuid4())


def security_fault(text: str) -> Fault:
    """Return a q0:Security fault without detail: `Token Expired` or `Login Failed`."""
    return Fault(code="q0:Security", text=text)


def client_fault(text: str) -> Fault:
    """Return a soap:Client fault: the request cannot be served."""
    return Fault(code="soap:Client", text=text)


def api_fault(code: int, text: str) -> Fault:
    """Return a soap:Server fault with an apifault of that code in its detail."""
    return Fault(code="soap:Server", text=text, api_code=code)


def fault_reply(fault: Fault, *, soap: str = SOAP) -> bytes:
    """Return the envelope of a fault in the SOAP version with that namespace."""
    element = etree.Element(f"{{{soap}}}Fault", nsmap={"soap": soap})
    detail = _fill_12(element, fault) if soap == SOAP_12 else _fill_11(element, fault)
    if fault.api_code is not None:
        inside = etree.SubElement(element, detail)
        api = etree.SubElement(inside, f"{{{FAULT}}}apifault", nsmap=_FAULT_MAP)
        _add(api, FAULT, Code=fault.api_code, Message=fault.text)
    return _envelope(element, action="fault", soap=soap)


def _fill_11(element: etree._Element, fault: Fault) -> str:
    """Add code and text, and return the name of the element for details."""
    etree.SubElement(element, "faultcode").text = fault.code
    etree.SubElement(element, "faultstring").text = fault.text
    return "detail"


def _fill_12(element: etree._Element, fault: Fault) -> str:
    """Add code and text, and return the name of the element for details."""
    code = etree.SubElement(element, f"{{{SOAP_12}}}Code")
    _add(code, SOAP_12, Value=_CODES_12[fault.code])
    if fault.code == "q0:Security":
        _add(etree.SubElement(code, f"{{{SOAP_12}}}Subcode"), SOAP_12, Value=fault.code)
    reason = etree.SubElement(element, f"{{{SOAP_12}}}Reason")
    _add(reason, SOAP_12, Text=fault.text)
    reason[0].set(_XML_LANG, "en")
    return f"{{{SOAP_12}}}Detail"


def _envelope(content: etree._Element, *, action: str, soap: str) -> bytes:
    # Marketing Cloud sends addressing headers and a timestamp; clients must accept both.
    # The code of a fault is a qualified name: its prefix q0 must be declared, although no element
    # uses it. Further inside, lxml would drop a second prefix of one namespace.
    spaces = {"soap": soap, "wsa": WSA, "wsse": WSSE, "wsu": WSU, "q0": WSSE}
    envelope = etree.Element(f"{{{soap}}}Envelope", nsmap=spaces)
    header = etree.SubElement(envelope, f"{{{soap}}}Header")
    _add(header, WSA, Action=action, MessageID=f"urn:uuid:{uuid.uuid4()}")
    security = etree.SubElement(header, f"{{{WSSE}}}Security")
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    _add(
        etree.SubElement(security, f"{{{WSU}}}Timestamp"),
        WSU,
        Created=f"{now.isoformat()}Z",
        Expires=f"{(now + timedelta(minutes=5)).isoformat()}Z",
    )
    etree.SubElement(envelope, f"{{{soap}}}Body").append(content)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def _add(parent: etree._Element, namespace: str, **texts: str | int) -> None:
    """Append one element per text, in the order given."""
    for name, text in texts.items():
        etree.SubElement(parent, f"{{{namespace}}}{name}").text = str(text)
