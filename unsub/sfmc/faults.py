"""Check a reply's XML before zeep parses it: raise the SfmcError that it represents, if any.

Needed because zeep reads an HTML page as a fault, and with strict=False repairs truncated XML.
Decides by code; by text only where the vendor gives none: Security faults, and missing rights.
"""

from lxml import etree

from .errors import (
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    TokenExpiredError,
    TransientError,
    UnknownOutcomeError,
)
from .http import Reply
from .rights import says_no_right

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_API = "{http://exacttarget.com/wsdl/partnerAPI}"
_XML = frozenset({"text/xml", "application/xml", "application/soap+xml"})
# manual: "SOAP Faults", "Error Codes (1-99)". Code 2 may come after partial processing.
_BY_CODE: dict[int, type[SfmcError]] = {
    2: UnknownOutcomeError,
    5: PermanentError,
    6: PermanentError,
    8: PermanentError,
    9: InMaintenanceError,
    10: TransientError,
    11: MisconfiguredError,
    12: MisconfiguredError,
    13: TransientError,
    17: RateLimitedError,
}
_BY_FAULTCODE: dict[str, type[SfmcError]] = {
    "Client": PermanentError,
    "MustUnderstand": PermanentError,
    "VersionMismatch": PermanentError,
}
# Wrong address, an intermediary such as a proxy, or an IP address that the tenant does not allow.
_CONFIGURATION = frozenset({401, 403, 404, 405, 407, 410})


def check(reply: Reply, *, answer: str) -> None:
    """Return None where the reply is the message `answer`; raise the SfmcError it represents
    otherwise. Without this check, strict=False would make zeep parse any other message as far as
    possible."""
    if reply.kind not in _XML or not reply.body:
        raise _by_status(reply)
    try:
        root = etree.fromstring(reply.body, _parser())
    except etree.XMLSyntaxError:
        raise UnknownOutcomeError("the reply is no XML", http_status=reply.status) from None
    fault = root.find(f"{_ENVELOPE}Body/{_ENVELOPE}Fault")
    if fault is not None:
        raise _by_fault(fault, reply)
    if reply.status != 200 or root.find(f"{_ENVELOPE}Body/{_API}{answer}") is None:
        raise _by_status(reply)


def _parser() -> etree.XMLParser:
    """Return a parser that loads no DTD, entity or network resource. One per call: parsers are not
    shared between threads."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _by_status(reply: Reply) -> SfmcError:
    """Return the error of an HTTP status without a readable fault."""
    status = reply.status
    message = f"HTTP {status} without an answer"
    if status in _CONFIGURATION or 300 <= status < 400:
        return MisconfiguredError(message, http_status=status)
    if 400 <= status < 500 and status != 408:
        return PermanentError(message, http_status=status)
    return UnknownOutcomeError(message, http_status=status, retry_after=reply.retry_after)


def _by_fault(fault: etree._Element, reply: Reply) -> SfmcError:
    """Return the error of a SOAP fault."""
    faultcode = _text(fault, "faultcode").rpartition(":")[2]
    if faultcode == "Security":
        return _security(_text(fault, "faultstring"), reply.status)
    code = _api_code(fault)
    kind = _BY_CODE.get(code or 0)
    if kind is None and says_no_right(_text(fault, "faultstring")):
        kind = MisconfiguredError
    if kind is MisconfiguredError:
        message = "no right for this call"
        return kind(message, code=code, http_status=reply.status, is_no_right=True)
    kind = kind or _BY_FAULTCODE.get(faultcode, UnknownOutcomeError)
    message = f"{faultcode[:20] or 'SOAP'} fault" if faultcode.isalnum() else "SOAP fault"
    return kind(message, code=code, http_status=reply.status, retry_after=reply.retry_after)


def _security(words: str, status: int) -> SfmcError:
    """Return the error of a Security fault. It has no code: only the text "Token Expired"
    distinguishes an expired token from wrong credentials."""
    if words.rstrip(".!").casefold() == "token expired":
        return TokenExpiredError("token expired", http_status=status)
    return MisconfiguredError("credentials refused", http_status=status)


def _api_code(fault: etree._Element) -> int | None:
    """Return detail/apifault/Code in any namespace, or None."""
    for element in fault.iter("{*}Code"):
        parent = element.getparent()
        text = (element.text or "").strip()
        is_api = parent is not None and etree.QName(parent).localname.lower() == "apifault"
        if is_api and text.isascii() and text.isdigit() and len(text) < 7:
            return int(text)
    return None


def _text(fault: etree._Element, name: str) -> str:
    """Return the text of a fault's child in any namespace."""
    return (fault.findtext(f"{{*}}{name}") or "").strip()
