"""The door of the admin in a browser: an authenticator app, a passkey, and how both look."""

import time
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Browser, Page, expect

from tests.app.identity_provider import CLIENT_ID, running
from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.office import enter, leave, sign_in
from tests.journeys.rules import violations

FACTORS = "/admin/account/second-factor/"


def code(secret: str, *, steps: int = 0) -> str:
    """Return the code that an app shows, now or some half minutes later."""
    counter = int(time.time()) // 30 + steps
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def test_an_authenticator_app_is_set_up_and_then_asked_for(shared: Deployment, desk: Page) -> None:
    sign_in(desk, shared, FACTORS, name="careful")
    desk.get_by_role("link", name="Activate").click()
    secret = desk.get_by_label("Authenticator secret").input_value()
    desk.get_by_label("Authenticator code").fill(code(secret))
    desk.get_by_role("button", name="Activate").click()
    expect(desk.get_by_text("Recovery Codes").first).to_be_visible()
    leave(desk, shared.url)
    desk.goto(f"{shared.url}/admin/")
    enter(desk, "careful")
    desk.wait_for_url("**/second-factor/authenticate/**")
    # A code serves once: the app's next one is taken half a minute early.
    desk.get_by_label("Code").fill(code(secret, steps=1))
    desk.get_by_role("button", name="Sign in", exact=False).first.click()
    desk.wait_for_url("**/admin/")


def test_a_passkey_opens_the_door_alone(shared: Deployment, desk: Page) -> None:
    # A passkey belongs to a name, and an address made of numbers is none.
    base = shared.url.replace("127.0.0.1", "localhost")
    devtools = desk.context.new_cdp_session(desk)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
        }},
    )  # fmt: skip
    sign_in(desk, shared, f"{FACTORS}webauthn/add/", name="passenger", base=base)
    desk.get_by_label("Passwordless").check()
    desk.get_by_role("button", name="Add").click()
    desk.wait_for_url(f"{base}{FACTORS}recovery-codes/")
    leave(desk, base)
    desk.goto(f"{base}/admin/account/login/")
    desk.get_by_role("button", name="Sign in with a passkey").click()
    desk.wait_for_url(f"{base}/admin/")
    expect(desk.get_by_text("passenger").first).to_be_attached()


def test_the_companys_account_opens_the_door(deploy: Deploy, desk: Page) -> None:
    with running() as provider:
        provider.claims |= {"email": "ada@example.com", "email_verified": True}
        own = deploy(
            OIDC_URL=provider.url, OIDC_CLIENT_ID=CLIENT_ID, OIDC_CLIENT_SECRET="s",
            OIDC_NAME="Example SSO", SECOND_FACTOR="true",
        )  # fmt: skip
        own.manage("add_user", "ada@example.com", "--group", "viewer")
        desk.goto(f"{own.url}/admin/")
        desk.get_by_role("link", name="Sign in with Example SSO").click()
        desk.wait_for_url(f"{own.url}/admin/")
        expect(desk.locator("#nav-sidebar")).to_contain_text("Requests")
        leave(desk, own.url)
        provider.claims |= {"sub": "b-2", "email": "stranger@example.com"}
        desk.get_by_role("link", name="Sign in with Example SSO").click()
        expect(desk.get_by_text("no administrator has let this address in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_door_break_no_rule(
    shared: Deployment, browser: Browser, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = context.new_page()
    for path in ("login/", "password/reset/"):
        page.goto(f"{shared.url}/admin/account/{path}")
        assert violations(page, "body") == [], path
    sign_in(page, shared, FACTORS, name=f"door-{scheme}")
    for path in (FACTORS, f"{FACTORS}totp/activate/", f"{FACTORS}webauthn/add/",
                 "/admin/account/password/change/"):  # fmt: skip
        page.goto(f"{shared.url}{path}")
        assert violations(page, "body") == [], path
    context.close()
