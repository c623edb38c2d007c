"""Sign-in to the admin in a browser: authenticator app, passkey, single sign-on, accessibility."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.identity_provider import CLIENT_ID, IdentityProvider
from tests.journeys.conftest import Deploy
from tests.journeys.deployment import Deployment
from tests.journeys.office import PASSWORD, enter, enter_code, leave, set_app_up, sign_in
from tests.journeys.reader import window
from tests.journeys.rules import violations

FACTORS = "/admin/account/second-factor/"


def add_user(desk: Page, deployment: Deployment, email: str, base: str) -> None:
    """Run `add_user` for an administrator, open the printed link, choose a password and sign in, up
    to the page that requires a second factor."""
    said = deployment.manage("add_user", email, "--group", "administrator")
    link = said.strip().splitlines()[-1]
    assert link.startswith(f"{deployment.url}/admin/account/password/reset/key/")
    desk.goto(link.replace(deployment.url, base))
    desk.locator("input[name=password1]").fill(PASSWORD)
    desk.locator("input[name=password2]").fill(PASSWORD)
    desk.get_by_role("button", name="Change Password").click()
    desk.wait_for_url("**/password/reset/key/done/")
    desk.goto(f"{base}/admin/")
    enter(desk, email)
    desk.wait_for_url(f"**{FACTORS}")
    expect(desk.get_by_text("Set up two-factor authentication first").first).to_be_visible()


def test_a_user_made_by_the_command_signs_in_with_an_authenticator_app(
    shared: Deployment, desk: Page
) -> None:
    add_user(desk, shared, "app@example.com", shared.url)
    secret = set_app_up(desk)
    desk.goto(f"{shared.url}/admin/")
    desk.wait_for_url("**/admin/")
    expect(desk.locator("#nav-sidebar")).to_contain_text("Requests")
    leave(desk, shared.url)
    desk.goto(f"{shared.url}/admin/")
    enter(desk, "app@example.com")
    # A code is valid once: the app's next one is accepted half a minute early.
    enter_code(desk, secret, steps=1)
    desk.wait_for_url("**/admin/")
    expect(desk.locator("#nav-sidebar")).to_contain_text("Requests")


def test_a_user_made_by_the_command_signs_in_with_a_passkey_alone(
    shared: Deployment, desk: Page
) -> None:
    # Passkeys belong to a domain name, and an IP address is none.
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
    add_user(desk, shared, "passenger@example.com", base)
    desk.goto(f"{base}{FACTORS}webauthn/add/")
    desk.get_by_label("Passwordless").check()
    desk.get_by_role("button", name="Add").click()
    desk.wait_for_url(f"{base}{FACTORS}recovery-codes/")
    leave(desk, base)
    desk.goto(f"{base}/admin/account/login/")
    desk.get_by_role("button", name="Sign in with a passkey").click()
    desk.wait_for_url(f"{base}/admin/")
    expect(desk.get_by_text("passenger@example.com").first).to_be_attached()
    expect(desk.locator("#nav-sidebar")).to_contain_text("Requests")


def test_a_user_signs_in_by_single_sign_on(deploy: Deploy, desk: Page) -> None:
    with IdentityProvider() as provider:
        provider.claims |= {"email": "ada@example.com", "email_verified": True}
        own = deploy(
            OIDC_URL=provider.url, OIDC_CLIENT_ID=CLIENT_ID, OIDC_CLIENT_SECRET="s",
            OIDC_NAME="Example SSO",
        )  # fmt: skip
        own.manage("add_user", "ada@example.com", "--group", "viewer")
        desk.goto(f"{own.url}/admin/")
        desk.get_by_role("link", name="Sign in with Example SSO").click()
        desk.wait_for_url(f"{own.url}/admin/")
        expect(desk.locator("#nav-sidebar")).to_contain_text("Requests")
        leave(desk, own.url)
        provider.claims |= {"sub": "b-2", "email": "stranger@example.com"}
        desk.get_by_role("link", name="Sign in with Example SSO").click()
        expect(desk.get_by_text("it hasn’t been added here")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_pages_pass_axe_core(shared: Deployment, browser: Browser, scheme: Any) -> None:
    context = window(browser, color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = context.new_page()
    for path in ("login/", "password/reset/"):
        page.goto(f"{shared.url}/admin/account/{path}")
        assert violations(page, "body") == [], path
    sign_in(page, shared, FACTORS, name=f"door-{scheme}", has_app=False)
    for path in (FACTORS, f"{FACTORS}totp/activate/", f"{FACTORS}webauthn/add/",
                 "/admin/account/password/change/"):  # fmt: skip
        page.goto(f"{shared.url}{path}")
        assert violations(page, "body") == [], path
    context.close()
