"""A marketer at the admin, in a browser of their own."""

import secrets
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.journeys.deployment import Deployment

PASSWORD = secrets.token_urlsafe(16)
MAKE = (
    "from django.contrib.auth import get_user_model as m; "
    "m().objects.create_superuser('{name}', '', '{password}')"
)


def sign_in(page: Page, deployment: Deployment, path: str, *, name: str) -> None:
    """Make an administrator, and open a page of the admin as them."""
    deployment.manage("shell", "--no-imports", "-c", MAKE.format(name=name, password=PASSWORD))
    page.goto(f"{deployment.url}/admin/login/?{urlencode({'next': path})}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{path}")
