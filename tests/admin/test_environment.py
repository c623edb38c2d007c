"""The label that says that numbers are of the sandbox."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import seen

pytestmark = pytest.mark.django_db
LABEL = "Sandbox: sample data"


@pytest.mark.parametrize(
    ("address", "is_sandbox"),
    [
        ("http://127.0.0.1:8025", True),
        ("https://tenant.auth.marketingcloudapis.com", False),
        ("", False),
    ],
)
def test_each_page_says_when_its_numbers_are_of_the_sandbox(
    admin_client: Client, settings: Settings, address: str, is_sandbox: bool
) -> None:
    settings.SFMC_AUTH_URL = address
    for path in ("/admin/", "/admin/unsub/subscriberrequest/"):
        assert (LABEL in seen(admin_client.get(path).content)) is is_sandbox
