"""suds-community: reads the WSDL, and knows nothing of Marketing Cloud."""

import json
import sys
from typing import Any

import requests
import suds
from suds.client import Client
from suds.sax.element import Element

BASE = sys.argv[1]
FORM = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}


def client(token: str) -> Any:
    """Return a client that calls with that token."""
    header = Element("fueloauth", ns=("et", "http://exacttarget.com"))
    header.setText(token)
    return Client(f"{BASE}etframework.wsdl", cache=None, soapheaders=header)


def keys(api: Any, key: str) -> list[str]:
    """Return the keys of active subscribers with that key."""
    request = api.factory.create("RetrieveRequest")
    request.ObjectType = "Subscriber"
    request.Properties = ["SubscriberKey"]
    request.Filter = api.factory.create("ComplexFilterPart")
    request.Filter.LogicalOperator = "AND"
    request.Filter.LeftOperand = _simple(api, "SubscriberKey", key)
    request.Filter.RightOperand = _simple(api, "Status", "Active")
    reply = api.service.Retrieve(request)
    return [str(row.SubscriberKey) for row in getattr(reply, "Results", ())]


def _simple(api: Any, name: str, value: str) -> Any:
    part = api.factory.create("SimpleFilterPart")
    part.Property, part.SimpleOperator, part.Value = name, "equals", [value]
    return part


def main() -> None:
    """Print what the calls answer."""
    token = requests.post(f"{BASE}v2/token", json=FORM, timeout=10).json()["access_token"]
    api = client(token)
    active, nobody = keys(api, "ada-1001"), keys(api, "nobody")
    request = api.factory.create("ExecuteRequest")
    request.Name = "LogUnsubEvent"
    request.Parameters = [
        {"Name": "SubscriberID", "Value": "1001"},
        {"Name": "JobID", "Value": "88002"},
    ]
    unsub = api.service.Execute([request])
    fault = ""
    try:
        client("made-up").service.Execute([request])
    except suds.WebFault as err:
        fault = str(err.fault.faultstring)
    said = {"unsub": unsub.OverallStatus, "active": active, "nobody": nobody, "fault": fault}
    sys.stdout.write(json.dumps(said))


main()
