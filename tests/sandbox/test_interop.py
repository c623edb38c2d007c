"""zeep, the project's SOAP library, against the sandbox's own WSDL."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Fault
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from tests.sandbox.talk import Caller
from unsub.sandbox import Sandbox
from unsub.sandbox.operations.faults import OPERATIONS
from unsub.sandbox.world.sample import CHILD, sample_attributes

# zeep's signatures have no types.
_Client: Any = Client
_Transport: Any = Transport
_UsernameToken: Any = UsernameToken


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def _client(sfmc: Sandbox, http: requests.Session, **options: Any) -> Any:
    transport = _Transport(session=http, timeout=10, operation_timeout=10)
    wsdl = f"{sfmc.url}etframework.wsdl"
    return _Client(wsdl, transport=transport, settings=Settings(strict=True), **options)


def _fuel(token: str) -> etree._Element:
    header = etree.Element("{http://exacttarget.com}fueloauth")
    header.text = token
    return header


def _request(mid: int | None = None, **parameters: str) -> dict[str, Any]:
    values = [{"Name": name, "Value": value} for name, value in parameters.items()]
    client = {} if mid is None else {"Client": {"ID": mid}}
    return {**client, "Name": "LogUnsubEvent", "Parameters": values}


def test_zeep_reads_the_names_of_the_service(sfmc: Sandbox, http: requests.Session) -> None:
    client = _client(sfmc, http)
    port = client.wsdl.services["PartnerAPI"].ports["Soap"]
    assert port.binding_options["address"] == f"{sfmc.url}Service.asmx"
    assert port.binding.name.localname == "SoapBinding"
    operations = {name: op.soapaction for name, op in port.binding.all().items()}
    assert operations == {name: name for name in OPERATIONS}


def test_zeep_unsubscribes_with_a_token(
    sfmc: Sandbox, caller: Caller, http: requests.Session
) -> None:
    reply = _client(sfmc, http).service.Execute(
        Requests=[
            _request(SubscriberID="1001", JobID="88002", Reason="caf\u00e9 \U0001f600"),
            _request(mid=CHILD, SubscriberKey="grace-1002", ListID="7101"),
            _request(SubscriberID="9999"),
        ],
        _soapheaders=[_fuel(caller.token)],
    )
    assert reply.OverallStatus == "Has Errors"
    said = [(item.StatusCode, item.OrdinalID, item.ErrorCode) for item in reply.Results]
    assert said == [("OK", None, None), ("OK", None, None), ("Error", 2, 400)]
    assert [event["job_id"] for event in sfmc.events()] == [88002, 88101]
    assert sfmc.events()[0]["reason"] == "caf\u00e9 \U0001f600"


def test_zeep_unsubscribes_with_ws_security(sfmc: Sandbox, http: requests.Session) -> None:
    client = _client(sfmc, http, wsse=_UsernameToken("sandbox", "sandbox"))
    reply = client.service.Execute(Requests=[_request(SubscriberID="1001")])
    assert reply.OverallStatus == "OK"
    assert len(sfmc.masters()) == 1


def test_zeep_reads_the_system_status(
    sfmc: Sandbox, caller: Caller, http: requests.Session
) -> None:
    sfmc.cue("fault_9", times=None)
    reply = _client(sfmc, http).service.GetSystemStatus(_soapheaders=[_fuel(caller.token)])
    assert reply.Results.Result[0].SystemStatus == "InMaintenance"


def test_zeep_reads_the_faults(sfmc: Sandbox, caller: Caller, http: requests.Session) -> None:
    service = _client(sfmc, http).service
    with pytest.raises(Fault) as caught:
        service.Execute(Requests=[], _soapheaders=[_fuel("made-up")])
    assert (caught.value.code, caught.value.message) == ("q0:Security", "Token Expired")
    sfmc.cue("fault_13")
    with pytest.raises(Fault) as caught:
        service.Execute(Requests=[], _soapheaders=[_fuel(caller.token)])
    code = caught.value.detail.find(".//{urn:fault.partner.exacttarget.com}Code")
    assert code.text == "13"


def test_hand_written_envelopes_and_zeep_share_one_memory(
    sfmc: Sandbox, caller: Caller, http: requests.Session
) -> None:
    assert caller.unsub(SubscriberID="1001", JobID="88002").status == "OK"
    client = _client(sfmc, http, wsse=_UsernameToken("sandbox", "sandbox"))
    reply = client.service.Execute(Requests=[_request(SubscriberID="1001", JobID="88002")])
    assert reply.Results[0].ErrorCode == 401


def test_zeep_describes_a_subscriber(sfmc: Sandbox, caller: Caller, http: requests.Session) -> None:
    reply = _client(sfmc, http).service.Describe(
        DescribeRequests={"ObjectDefinitionRequest": [{"ObjectType": "Subscriber"}]},
        _soapheaders=[_fuel(caller.token)],
    )
    (found,) = reply.ObjectDefinition
    names = [one.Name for one in found.ExtendedProperties.ExtendedProperty]
    assert names == [one.name for one in sample_attributes()]
    city = found.ExtendedProperties.ExtendedProperty[3]
    assert (city.IsRestrictedPicklist, city.MaxLength, city.DisplayOrder) == (True, 50, 3)
    assert [one.Value for one in city.PicklistItems.PicklistItem][1] == "Köln"
    assert "EmailAddress" in [one.Name for one in found.Properties]


def test_zeep_reads_a_subscriber_with_all_attributes(
    sfmc: Sandbox, caller: Caller, http: requests.Session
) -> None:
    caller.unsub(SubscriberID="1001")
    client = _client(sfmc, http)
    api = client.type_factory("http://exacttarget.com/wsdl/partnerAPI")
    condition = api.SimpleFilterPart(
        Property="SubscriberKey", SimpleOperator="equals", Value=["ada-1001"]
    )
    asked = api.RetrieveRequest(
        ObjectType="Subscriber",
        Properties=["SubscriberKey", "Status", "EmailTypePreference", "UnsubscribedDate"],
        Filter=condition,
    )
    reply = client.service.Retrieve(RetrieveRequest=asked, _soapheaders=[_fuel(caller.token)])
    (row,) = reply.Results
    assert (row.Status, row.EmailTypePreference) == ("Unsubscribed", "HTML")
    assert row.UnsubscribedDate.tzinfo is None
    # zeep reads an empty element as None.
    assert {one.Name: one.Value for one in row.Attributes}["Second address"] is None


def test_zeep_updates_subscribers(sfmc: Sandbox, caller: Caller, http: requests.Session) -> None:
    client = _client(sfmc, http)
    api = client.type_factory("http://exacttarget.com/wsdl/partnerAPI")
    place = api.SubscriberList(ID=7004, Status="Active", Action="create")
    people = [
        api.Subscriber(
            SubscriberKey=key,
            Attributes=[api.Attribute(Name="City", Value="Köln")],
            Lists=[place],
            Client={"ID": 510001},
        )
        for key in ("ada-1001", "nobody")
    ]
    reply = client.service.Update(Options={}, Objects=people, _soapheaders=[_fuel(caller.token)])
    assert (reply.OverallStatus, bool(reply.RequestID)) == ("Has Errors", True)
    said = [(one.StatusCode, one.OrdinalID, one.ErrorCode) for one in reply.Results]
    assert said == [("OK", 0, None), ("Error", 1, 12015)]
    assert reply.Results[0].Object.SubscriberKey == "ada-1001"
    assert sfmc.person(1001)["lists"][7004] == "Active"
    assert sfmc.person(1001)["attributes"]["City"] == "Köln"


def test_zeep_creates_a_triggered_send(
    sfmc: Sandbox, caller: Caller, http: requests.Session
) -> None:
    client = _client(sfmc, http)
    api = client.type_factory("http://exacttarget.com/wsdl/partnerAPI")
    people = [
        api.Subscriber(
            EmailAddress=email,
            SubscriberKey="ada-1001",
            Attributes=[api.Attribute(Name="Link", Value="https://example.com/")],
        )
        for email in ("ada@example.com", "nowhere")
    ]
    send = api.TriggeredSend(
        TriggeredSendDefinition=api.TriggeredSendDefinition(CustomerKey="new-link"),
        Subscribers=people,
    )
    reply = client.service.Create(Options={}, Objects=[send], _soapheaders=[_fuel(caller.token)])
    (result,) = reply.Results
    assert (reply.OverallStatus, result.StatusCode, result.NewID) == ("OK", "OK", 0)
    (failure,) = result.SubscriberFailures
    assert (failure.ErrorCode, failure.Ordinal) == ("5", 1)
    assert failure.Subscriber.EmailAddress == "nowhere"
    assert sfmc.mails()[0]["attributes"] == {"Link": "https://example.com/"}


def test_each_operation_has_the_elements_of_the_vendor(
    sfmc: Sandbox, http: requests.Session
) -> None:
    port = _client(sfmc, http).wsdl.services["PartnerAPI"].ports["Soap"]
    bodies = {
        name: (op.input.body.qname.localname, op.output.body.qname.localname)
        for name, op in port.binding.all().items()
    }
    assert bodies["Describe"] == ("DefinitionRequestMsg", "DefinitionResponseMsg")
    assert bodies["Update"] == ("UpdateRequest", "UpdateResponse")
    assert bodies["Create"] == ("CreateRequest", "CreateResponse")
