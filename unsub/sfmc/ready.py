"""Execute requests that write themselves into the message.

zeep makes an object of each element and looks its type up for each value, which for a message of
twenty requests takes longer than to send it. It lets a value render itself: everything around the
requests is still zeep's, from the WSDL, and a test compares the bytes with zeep's own.
"""

from collections import OrderedDict
from typing import Any

from lxml import etree
from zeep.xsd.valueobjects import CompoundValue

from .messages import ExecuteRequest

_API = "{http://exacttarget.com/wsdl/partnerAPI}"
_CLIENT, _ID, _NAME = f"{_API}Client", f"{_API}ID", f"{_API}Name"
_PARAMETERS, _VALUE = f"{_API}Parameters", f"{_API}Value"


class _Type:
    """What zeep calls to render a ReadyRequest."""

    def render(
        self, node: etree._Element, value: "ReadyRequest", _type: object, _path: object
    ) -> None:
        """Write the elements of a request, in the order of the schema."""
        request, add = value.request, etree.SubElement
        if request.client_mid is not None:
            add(add(node, _CLIENT), _ID).text = str(request.client_mid)
        add(node, _NAME).text = request.name
        for name, text in request.parameters:
            pair = add(node, _PARAMETERS)
            add(pair, _NAME).text = name
            add(pair, _VALUE).text = text


class ReadyRequest(CompoundValue):
    """A request as a value that zeep takes as it is."""

    _xsd_type: Any = _Type()

    def __init__(self, request: ExecuteRequest) -> None:
        self.__values__ = OrderedDict(request=request)
