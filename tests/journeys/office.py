"""A marketer at the admin, in a browser of their own."""

import secrets
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.journeys.deployment import Deployment

PASSWORD = secrets.token_urlsafe(16)
MAKE = (
    "from django.contrib.auth.models import Group, User; from unsub.models import BusinessUnit;"
    "one = User.objects.create_user('{name}', '', '{password}', is_staff=True,"
    " is_superuser=not '{group}');"
    "one.groups.set(Group.objects.filter(name='{group}'));"
    "one.units.set(BusinessUnit.objects.filter(mid={unit}))"
)


def sign_in(
    page: Page,
    deployment: Deployment,
    path: str,
    *,
    name: str,
    group: str = "",
    unit: int = 0,
    base: str = "",
) -> None:
    """Make somebody, a superuser where no group is given, and open a page of the admin as them, at
    `base` or where the deployment is."""
    code = MAKE.format(name=name, password=PASSWORD, group=group, unit=unit)
    deployment.manage("shell", "--no-imports", "-c", code)
    page.goto(f"{base or deployment.url}/admin/login/?{urlencode({'next': path})}")
    enter(page, name)
    page.wait_for_url(f"**{path}")


def enter(page: Page, name: str) -> None:
    """Give name and password on the page of the sign-in."""
    page.get_by_label("Name or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def leave(page: Page, base: str) -> None:
    """Sign out."""
    page.goto(f"{base}/admin/account/logout/")
    page.locator("main").get_by_role("button").click()
    page.wait_for_url("**/login/**")
