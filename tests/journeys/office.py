"""A marketer in the admin, in a browser of their own."""

import secrets
import time
from urllib.parse import urlencode

from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Page

from tests.journeys.deployment import Deployment

PASSWORD = secrets.token_urlsafe(16)
APP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # the secret in every user's authenticator app
MAKE = (
    "from allauth.mfa.totp.internal.auth import TOTP;"
    "from django.contrib.auth.models import Group, User; from unsub.models import BusinessUnit;"
    "one = User.objects.create_user('{name}', '', '{password}', is_staff=True,"
    " is_superuser=not '{group}');"
    "one.groups.set(Group.objects.filter(name='{group}'));"
    "one.units.set(BusinessUnit.objects.filter(mid={unit}));"
    "{has_app} and TOTP.activate(one, '{app}')"
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
    has_app: bool = True,
) -> None:
    """Create a user (a superuser without `group`) and open a page of the admin as them, at `base`
    or at the deployment's URL. They sign in with a password and, with `has_app`, a code."""
    make = MAKE.format(
        name=name, password=PASSWORD, group=group, unit=unit, has_app=has_app, app=APP
    )
    deployment.shell(make)
    page.goto(f"{base or deployment.url}/admin/login/?{urlencode({'next': path})}")
    enter(page, name)
    if has_app:
        enter_code(page, APP)
    page.wait_for_url(f"**{path}")


def enter(page: Page, name: str, password: str = PASSWORD) -> None:
    """Submit name and password on the sign-in page."""
    page.get_by_label("Username or email address").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def code(secret: str, *, steps: int = 0) -> str:
    """Return the code that an app shows, now or `steps` half minutes later."""
    counter = int(time.time()) // 30 + steps
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def enter_code(page: Page, secret: str, *, steps: int = 0) -> None:
    """Submit the code that an app shows, now or `steps` half minutes later, on the page of the
    second factor."""
    page.wait_for_url("**/second-factor/authenticate/**")
    # Only now: a code is valid for a minute, and the page may take that long.
    page.get_by_label("Code").fill(code(secret, steps=steps))
    page.get_by_role("button", name="Sign in", exact=False).first.click()


def set_app_up(page: Page) -> str:
    """Set up an authenticator app on the page of the second factors. Return its secret."""
    page.get_by_role("link", name="Activate").click()
    secret = page.get_by_label("Authenticator secret").input_value()
    page.get_by_label("Authenticator code").fill(code(secret))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/recovery-codes/**")
    return secret


def leave(page: Page, base: str) -> None:
    """Sign out."""
    page.goto(f"{base}/admin/account/logout/")
    page.locator("main").get_by_role("button").click()
    page.wait_for_url("**/login/**")
