"""Salesforce-FuelSDK, the vendor's own for Python: posts to /service.asmx in small letters.

With `legacy` before the URL: a token of /v1/requestToken, in oAuthToken, beside a user `*`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import FuelSDK

*MODE, BASE = sys.argv[1:]
ADA = ("SubscriberID", "1001"), ("JobID", "88002")


def client(folder: str) -> Any:
    """Return a client with a token."""
    mode = {
        "authenticationurl": BASE.rstrip("/"),
        "useOAuth2Authentication": "True",
        "accountId": "510001",
    }
    if MODE:
        mode = {
            "authenticationurl": f"{BASE}v1/requestToken",
            "soapendpoint": f"{BASE}Service.asmx",
        }
    return FuelSDK.ET_Client(
        params={
            "clientid": "sandbox",
            "clientsecret": "sandbox",
            "defaultwsdl": f"{BASE}etframework.wsdl",
            "wsdl_file_local_loc": str(Path(folder) / "etframework.wsdl"),
            **mode,
        }
    )


def keys(api: Any, key: str, properties: list[str] | None) -> list[str]:
    """Return the keys of active subscribers with that key."""
    search = FuelSDK.ET_Subscriber()
    search.auth_stub = api
    search.props = properties
    search.search_filter = {
        "LeftOperand": {"Property": "SubscriberKey", "SimpleOperator": "equals", "Value": key},
        "LogicalOperator": "AND",
        "RightOperand": {"Property": "Status", "SimpleOperator": "equals", "Value": "Active"},
    }
    found = search.get()
    assert found.status, found.message
    return [str(row.SubscriberKey) for row in found.results]


def main() -> None:
    """Print what the calls answer."""
    with tempfile.TemporaryDirectory() as folder:
        api = client(folder)
        # Without properties it asks Describe for them first.
        active, nobody = keys(api, "ada-1001", None), keys(api, "nobody", ["SubscriberKey"])
        request = api.soap_client.factory.create("ExecuteRequest")
        request.Name = "LogUnsubEvent"
        request.Parameters = [{"Name": name, "Value": value} for name, value in ADA]
        _, unsub = api.soap_client.service.Execute([request])
        api.authToken = api.internalAuthToken = "made-up"
        api.build_soap_client()
        _, refused = api.soap_client.service.Execute([request])
    said = {"unsub": unsub.OverallStatus, "active": active, "nobody": nobody}
    sys.stdout.write(json.dumps(said | {"fault": str(refused.faultstring)}))


main()
