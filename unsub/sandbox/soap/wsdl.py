"""The sandbox's own WSDL: its operations and the types that clients use.

Names, order and occurrence follow the vendor's interface (document/literal, SOAP 1.1). The text is
our own and covers only what the sandbox serves.
"""

from xml.sax.saxutils import quoteattr

from .namespaces import FAULT, PARTNER
from .schema_calls import CALL_TYPES
from .schema_objects import OBJECT_TYPES

_HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<definitions name="PartnerAPI" targetNamespace="{PARTNER}"
    xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:api="{PARTNER}" xmlns:fault="{FAULT}"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema">
"""

_FAULT_TYPES = f"""
<xs:schema targetNamespace="{FAULT}" elementFormDefault="qualified">
  <xs:element name="apifault"><xs:complexType><xs:sequence>
    <xs:element name="Code" type="xs:int" minOccurs="0"/>
    <xs:element name="Message" type="xs:string" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""

_EXECUTE_TYPES = """
  <xs:complexType name="ExecuteRequest"><xs:sequence>
    <xs:element name="Client" type="api:ClientID" minOccurs="0"/>
    <xs:element name="Name" type="xs:string" minOccurs="0"/>
    <xs:element name="Parameters" type="api:APIProperty" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType>
  <xs:complexType name="ExecuteResponse"><xs:sequence>
    <xs:element name="StatusCode" type="xs:string" minOccurs="0"/>
    <xs:element name="StatusMessage" type="xs:string" minOccurs="0"/>
    <xs:element name="OrdinalID" type="xs:int" minOccurs="0"/>
    <xs:element name="Results" type="api:APIProperty" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="ErrorCode" type="xs:int" minOccurs="0"/>
  </xs:sequence></xs:complexType>
  <xs:element name="ExecuteRequestMsg"><xs:complexType><xs:sequence>
    <xs:element name="Requests" type="api:ExecuteRequest" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="ExecuteResponseMsg"><xs:complexType><xs:sequence>
    <xs:element name="OverallStatus" type="xs:string"/>
    <xs:element name="RequestID" type="xs:string"/>
    <xs:element name="Results" type="api:ExecuteResponse" minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
"""

_STATUS_TYPES = """
  <xs:simpleType name="SystemStatusType"><xs:restriction base="xs:string">
    <xs:enumeration value="OK"/>
    <xs:enumeration value="UnplannedOutage"/>
    <xs:enumeration value="InMaintenance"/>
  </xs:restriction></xs:simpleType>
  <xs:complexType name="SystemStatusOptions"/>
  <xs:complexType name="SystemStatusResult"><xs:complexContent><xs:extension base="api:Result">
    <xs:sequence>
      <xs:element name="SystemStatus" type="api:SystemStatusType"/>
    </xs:sequence>
  </xs:extension></xs:complexContent></xs:complexType>
  <xs:element name="SystemStatusRequestMsg"><xs:complexType><xs:sequence>
    <xs:element name="Options" type="api:SystemStatusOptions" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="SystemStatusResponseMsg"><xs:complexType><xs:sequence>
    <xs:element name="Results" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="Result" type="api:SystemStatusResult" minOccurs="0"
          maxOccurs="unbounded"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:element name="OverallStatus" type="xs:string"/>
    <xs:element name="OverallStatusMessage" type="xs:string"/>
    <xs:element name="RequestID" type="xs:string"/>
  </xs:sequence></xs:complexType></xs:element>
"""

_OWN_TYPES = _EXECUTE_TYPES + _STATUS_TYPES + OBJECT_TYPES + CALL_TYPES

# Operation -> elements of its request and reply.
_OPERATIONS = {
    "Execute": ("ExecuteRequestMsg", "ExecuteResponseMsg"),
    "GetSystemStatus": ("SystemStatusRequestMsg", "SystemStatusResponseMsg"),
    "Retrieve": ("RetrieveRequestMsg", "RetrieveResponseMsg"),
    "Describe": ("DefinitionRequestMsg", "DefinitionResponseMsg"),
    "Update": ("UpdateRequest", "UpdateResponse"),
    "Create": ("CreateRequest", "CreateResponse"),
}


def render(base_url: str) -> bytes:
    """Return the WSDL of the service at `{base_url}Service.asmx`, as UTF-8."""
    schema = f'<xs:schema targetNamespace="{PARTNER}" elementFormDefault="qualified">'
    types = f"<types>{_FAULT_TYPES}{schema}{_OWN_TYPES}</xs:schema></types>"
    messages = "".join(_messages(name) for name in _OPERATIONS)
    ports = "".join(_port_operation(name) for name in _OPERATIONS)
    bindings = "".join(_binding_operation(name) for name in _OPERATIONS)
    return "\n".join(
        (
            f"{_HEAD}{types}",
            '<message name="Fault"><part name="fault" element="fault:apifault"/></message>',
            messages,
            f'<portType name="Soap">{ports}</portType>',
            f'<binding name="SoapBinding" type="api:Soap">{_transport()}{bindings}</binding>',
            '<service name="PartnerAPI"><port name="Soap" binding="api:SoapBinding">',
            f"<soap:address location={quoteattr(base_url + 'Service.asmx')}/></port></service>",
            "</definitions>",
        )
    ).encode()


def _messages(name: str) -> str:
    asked, answered = _OPERATIONS[name]
    return (
        f'<message name="{name}Request"><part name="parameters" element="api:{asked}"/></message>'
        f'<message name="{name}Reply"><part name="parameters" element="api:{answered}"/></message>'
    )


def _port_operation(name: str) -> str:
    return (
        f'<operation name="{name}"><input message="api:{name}Request"/>'
        f'<output message="api:{name}Reply"/>'
        '<fault name="apifault" message="api:Fault"/></operation>'
    )


def _transport() -> str:
    return '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'


def _binding_operation(name: str) -> str:
    return (
        f'<operation name="{name}"><soap:operation soapAction="{name}"/>'
        '<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output>'
        '<fault name="apifault"><soap:fault name="apifault" use="literal"/></fault></operation>'
    )
