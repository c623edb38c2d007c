"""SOAP 1.1 envelopes: what a message asks for, and the replies and faults that answer it."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PARTNER = "http://exacttarget.com/wsdl/partnerAPI"
FUEL = "http://exacttarget.com"
FAULT = "urn:fault.partner.exacttarget.com"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-"
WSSE = f"{_OASIS}secext-1.0.xsd"
WSU = f"{_OASIS}utility-1.0.xsd"

# The default namespace, so that the elements are as bare as in the vendor's samples. lxml names it
# None, which its type stubs do not know.
_SOAP_MAP: dict[Any, str] = {"soap": SOAP, "wsa": WSA, "wsse": WSSE, "wsu": WSU}
_PARTNER_MAP: dict[Any, str] = {None: PARTNER}
_RETRIEVE_MAP: dict[Any, str] = {None: PARTNER, "xsi": XSI}
_FAULT_MAP: dict[Any, str] = {None: FAULT}


class EnvelopeError(ValueError):
    """A body that is no SOAP envelope at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One entry of `Requests`. `parameters` None: Name or Value was not where it has to be."""

    name: str
    client_id: str | None
    parameters: Mapping[str, str] | None


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
class Message:
    """A call: its operation (the body's element), who asks, and what for."""

    operation: str
    token: str | None
    username: str | None
    password: str | None
    requests: tuple[ExecuteRequest, ...]
    retrieve: Retrieve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One entry of `Results`; `ordinal` and `code` are for errors, success brings neither."""

    status: str
    message: str
    ordinal: int | None = None
    code: int | None = None


def read(body: bytes) -> Message:
    """Return what an envelope says, or raise EnvelopeError."""
    # No entities, no network: a document type has no place in SOAP (SOAP 1.1, section 3).
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as err:
        raise EnvelopeError("not well-formed") from err
    content = root.find(f"{{{SOAP}}}Body")
    doctype: object = root.getroottree().docinfo.internalDTD
    if root.tag != f"{{{SOAP}}}Envelope" or content is None or doctype is not None:
        raise EnvelopeError("not a SOAP 1.1 envelope")
    call = next(content.iterchildren(tag=etree.Element), None)
    return Message(
        operation="" if call is None else str(call.tag),
        token=_text(root, f"{{{SOAP}}}Header/{{{FUEL}}}fueloauth"),
        username=_text(root, f"{{{SOAP}}}Header//{{{WSSE}}}Username"),
        password=_text(root, f"{{{SOAP}}}Header//{{{WSSE}}}Password"),
        requests=() if call is None else tuple(_requests(call)),
        retrieve=None if call is None else _retrieve(call),
    )


def _retrieve(call: etree._Element) -> Retrieve | None:
    item = call.find(f"{{{PARTNER}}}RetrieveRequest")
    if item is None:
        return None
    condition = f"{{{PARTNER}}}Filter/{{{PARTNER}}}"
    values = [*item.iterfind(f"{condition}Value"), *item.iterfind(f"{condition}DateValue")]
    return Retrieve(
        object_type=_text(item, f"{{{PARTNER}}}ObjectType") or "",
        properties=tuple(
            (one.text or "").strip() for one in item.iterfind(f"{{{PARTNER}}}Properties")
        ),
        client_id=_text(item, f"{{{PARTNER}}}ClientIDs/{{{PARTNER}}}ID"),
        filtered_by=_text(item, f"{condition}Property") or "",
        operator=_text(item, f"{condition}SimpleOperator") or "",
        values=tuple((value.text or "").strip() for value in values),
        continues=_text(item, f"{{{PARTNER}}}ContinueRequest"),
    )


def _requests(call: etree._Element) -> Iterator[ExecuteRequest]:
    for item in call.iterfind(f"{{{PARTNER}}}Requests"):
        yield ExecuteRequest(
            name=_text(item, f"{{{PARTNER}}}Name") or "",
            client_id=_text(item, f"{{{PARTNER}}}Client/{{{PARTNER}}}ID"),
            parameters=_parameters(item),
        )


def _parameters(item: etree._Element) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for parameter in item.iterfind(f"{{{PARTNER}}}Parameters"):
        name = parameter.find(f"{{{PARTNER}}}Name")
        value = parameter.find(f"{{{PARTNER}}}Value")
        if name is None or value is None:
            return None
        found[(name.text or "").strip()] = value.text or ""
    return found


def _text(element: etree._Element, path: str) -> str | None:
    found = element.find(path)
    return None if found is None else (found.text or "").strip()


def execute_reply(overall: str, results: Sequence[Result]) -> bytes:
    """Return an ExecuteResponseMsg; RequestID is a new GUID."""
    reply = etree.Element(f"{{{PARTNER}}}ExecuteResponseMsg", nsmap=_PARTNER_MAP)
    _add(reply, PARTNER, OverallStatus=overall, RequestID=str(uuid.uuid4()))
    for result in results:
        _add(
            etree.SubElement(reply, f"{{{PARTNER}}}Results"),
            PARTNER,
            StatusCode=result.status,
            StatusMessage=result.message,
            OrdinalID=result.ordinal,
            ErrorCode=result.code,
        )
    return _envelope(reply, action="ExecuteResponse")


def status_reply(system_status: str) -> bytes:
    """Return a SystemStatusResponseMsg that says `OK`, `InMaintenance` or `UnplannedOutage`."""
    reply = etree.Element(f"{{{PARTNER}}}SystemStatusResponseMsg", nsmap=_PARTNER_MAP)
    results = etree.SubElement(reply, f"{{{PARTNER}}}Results")
    result = etree.SubElement(results, f"{{{PARTNER}}}Result")
    _add(result, PARTNER, StatusCode="OK", StatusMessage="Read", SystemStatus=system_status)
    _add(reply, PARTNER, OverallStatus="OK", OverallStatusMessage="", RequestID=str(uuid.uuid4()))
    return _envelope(reply, action="GetSystemStatusResponse")


def retrieve_reply(
    overall: str, request_id: str, kind: str, rows: Sequence[Mapping[str, str]]
) -> bytes:
    """Return a RetrieveResponseMsg of rows of a kind; `List.ID` is an ID inside a List."""
    reply = etree.Element(f"{{{PARTNER}}}RetrieveResponseMsg", nsmap=_RETRIEVE_MAP)
    _add(reply, PARTNER, OverallStatus=overall, RequestID=request_id)
    for row in rows:
        result = etree.SubElement(reply, f"{{{PARTNER}}}Results")
        result.set(f"{{{XSI}}}type", kind)
        for name, value in row.items():
            parent = result
            for step in name.split("."):
                parent = etree.SubElement(parent, f"{{{PARTNER}}}{step}")
            parent.text = value
    return _envelope(reply, action="RetrieveResponse")


def security_fault(text: str) -> bytes:
    """Return a q0:Security fault without detail: `Token Expired` or `Login Failed`."""
    return _fault("q0:Security", text, None)


def client_fault(text: str) -> bytes:
    """Return a soap:Client fault: the caller sent something that cannot be served."""
    return _fault("soap:Client", text, None)


def api_fault(code: int, text: str) -> bytes:
    """Return a soap:Server fault whose detail carries an apifault with that code."""
    detail = etree.Element(f"{{{FAULT}}}apifault", nsmap=_FAULT_MAP)
    _add(detail, FAULT, Code=code, Message=text)
    return _fault("soap:Server", text, detail)


def _fault(code: str, text: str, detail: etree._Element | None) -> bytes:
    # faultcode is a qualified name: its prefix has to be declared although no element uses it.
    fault = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP, "q0": WSSE})
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    if detail is not None:
        etree.SubElement(fault, "detail").append(detail)
    return _envelope(fault, action="fault")


def _envelope(content: etree._Element, *, action: str) -> bytes:
    # The real thing sends addressing and a timestamp along; a client has to cope with both.
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


def _add(parent: etree._Element, namespace: str, **texts: str | int | None) -> None:
    """Append one element for each text, in the order given; None is left out."""
    for name, text in texts.items():
        if text is not None:
            etree.SubElement(parent, f"{{{namespace}}}{name}").text = str(text)
