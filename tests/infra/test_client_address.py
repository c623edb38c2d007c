"""Who a client is, for the limits."""

import pytest
from django.test import RequestFactory

from unsub.infra.client_address import client_network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        # As a socket for both versions gives IPv4 addresses.
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:202", "192.0.2.2"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_client_is_an_ipv4_address_or_a_network_of_64_bits(address: str, network: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert client_network(request) == network
