"""A reply's XML -> nothing where it is an answer, or the error it stands for.

Read before zeep sees it: zeep takes an HTML page for a fault, and with strict=False mends XML that
was cut off (facts 1.5). By codes; the words count in one place, where the vendor gives no code.
"""

from lxml import etree

from .errors import (
    InMaintenance,
    MisconfiguredError,
    PermanentError,
    RateLimited,
    SfmcError,
    TokenExpired,
    TransientError,
    UnknownOutcome,
)
from .http import Reply

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_API = "{http://exacttarget.com/wsdl/partnerAPI}"
_XML = frozenset({"text/xml", "application/xml", "application/soap+xml"})
# manual: "SOAP Faults", "Error Codes (1-99)". 2 is a failure in the middle of something.
_BY_CODE: dict[int, type[SfmcError]] = {
    2: UnknownOutcome,
    5: PermanentError,
    6: PermanentError,
    8: PermanentError,
    9: InMaintenance,
    10: TransientError,
    11: MisconfiguredError,
    12: MisconfiguredError,
    13: TransientError,
    17: RateLimited,
}
_BY_FAULTCODE: dict[str, type[SfmcError]] = {
    "Client": PermanentError,
    "MustUnderstand": PermanentError,
    "VersionMismatch": PermanentError,
}
# Wrong address, somebody in between, or an address that the tenant does not let in.
_CONFIGURATION = frozenset({401, 403, 404, 405, 407, 410})


def check(reply: Reply, *, answer: str) -> None:
    """Return where the reply is the message `answer`, for zeep to read; raise the SfmcError it is
    otherwise. With strict=False zeep would read any other message as well as it can."""
    if reply.kind not in _XML or not reply.body:
        raise _by_status(reply)
    try:
        root = etree.fromstring(reply.body, _parser())
    except etree.XMLSyntaxError:
        raise UnknownOutcome("the reply is no XML", http_status=reply.status) from None
    fault = root.find(f"{_ENVELOPE}Body/{_ENVELOPE}Fault")
    if fault is not None:
        raise _by_fault(fault, reply)
    if reply.status != 200 or root.find(f"{_ENVELOPE}Body/{_API}{answer}") is None:
        raise _by_status(reply)


def _parser() -> etree.XMLParser:
    """Return a parser that fetches nothing and expands nothing; one each, for threads' sake."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _by_status(reply: Reply) -> SfmcError:
    """Return the error that a status without a readable fault stands for."""
    status = reply.status
    message = f"HTTP {status} without an answer"
    if status in _CONFIGURATION or 300 <= status < 400:
        return MisconfiguredError(message, http_status=status)
    if 400 <= status < 500 and status != 408:
        return PermanentError(message, http_status=status)
    return UnknownOutcome(message, http_status=status, retry_after=reply.retry_after)


def _by_fault(fault: etree._Element, reply: Reply) -> SfmcError:
    """Return the error that a SOAP fault stands for."""
    faultcode = _text(fault, "faultcode").rpartition(":")[2]
    if faultcode == "Security":
        return _security(_text(fault, "faultstring"), reply.status)
    code = _api_code(fault)
    kind = _BY_CODE.get(code or 0) or _BY_FAULTCODE.get(faultcode, UnknownOutcome)
    message = f"{faultcode[:20] or 'SOAP'} fault" if faultcode.isalnum() else "SOAP fault"
    return kind(message, code=code, http_status=reply.status, retry_after=reply.retry_after)


def _security(words: str, status: int) -> SfmcError:
    """Return what a Security fault means. It has no code: these two words are all the vendor says
    to tell a token that ran out from credentials that are wrong."""
    if words == "Token Expired":
        return TokenExpired("token expired", http_status=status)
    return MisconfiguredError("credentials refused", http_status=status)


def _api_code(fault: etree._Element) -> int | None:
    """Return detail/apifault/Code, in whatever namespace, or None."""
    for element in fault.iter("{*}Code"):
        parent = element.getparent()
        text = (element.text or "").strip()
        is_api = parent is not None and etree.QName(parent).localname.lower() == "apifault"
        if is_api and text.isascii() and text.isdigit() and len(text) < 7:
            return int(text)
    return None


def _text(fault: etree._Element, name: str) -> str:
    """Return the text of a fault's child, in whatever namespace."""
    return (fault.findtext(f"{{*}}{name}") or "").strip()
