"""The label in the header of each page that says what its numbers are."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext


def label(_request: HttpRequest) -> list[str] | None:
    """Return the label and its colour where requests are sent to the sandbox, which knows invented
    people only; None in a deployment, whose Marketing Cloud answers under https."""
    if urlsplit(settings.SFMC_AUTH_URL).scheme != "http":
        return None
    return [gettext("Sandbox: sample data"), ""]
