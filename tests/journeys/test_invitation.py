"""A colleague is invited, comes in by the link, and keeps a view, in a browser."""

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.journeys.deployment import PARENT, Deployment
from tests.journeys.office import sign_in
from tests.journeys.processes import wait_for
from tests.journeys.reader import window
from tests.journeys.rules import violations

WINDOW: Any = {"width": 1440, "height": 900}
LINK = re.compile(r"http://\S+/admin/account/invitation/\S+")
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True,
}  # fmt: skip
# Counts what a person presses, a field to type into left out.
COUNT = """sessionStorage.presses ??= 0;
document.addEventListener("pointerdown", event => {
    const typed = event.target.matches("input:not([type=radio], [type=checkbox])");
    if (event.isTrusted && !typed) sessionStorage.presses = Number(sessionStorage.presses) + 1;
}, true);"""


def test_a_colleague_is_invited_in_five_clicks_and_comes_in_with_a_passkey(
    shared: Deployment, browser: Browser, desk: Page
) -> None:
    desk.set_viewport_size(WINDOW)
    desk.add_init_script(COUNT)
    sign_in(desk, shared, "/admin/", name="inviter", group="administrator", unit=PARENT)
    desk.evaluate("sessionStorage.presses = 0")
    desk.locator("#nav-sidebar a", has_text="Invitations").click()
    desk.get_by_role("link", name="Invite a colleague").click()
    expect(desk.get_by_role("heading", name="Invite a colleague")).to_be_visible()
    assert violations(desk, "main") == []
    desk.get_by_label("Email address").fill("colleague@example.com")
    desk.get_by_text("Marketer: Also").click()
    desk.get_by_text("Example Outfitters").click()
    desk.get_by_role("button", name="Send invitation").click()
    expect(desk.get_by_text("Invitation sent to colleague@example.com.")).to_be_visible()
    assert int(desk.evaluate("sessionStorage.presses")) == 5
    expect(desk.locator("#result_list")).to_contain_text("Open")

    context = window(browser, viewport=WINDOW)
    page = context.new_page()
    # Passkeys belong to a domain name, and an IP address is none.
    base = shared.url.replace("127.0.0.1", "localhost")
    _have_passkeys(page)
    page.goto(_sent_link(shared).replace(shared.url, base))
    assert violations(page, "body") == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/webauthn/add/")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/")
    page.goto(f"{base}/admin/unsub/subscriberrequest/?status__exact=refused")
    expect(page.locator("#nav-sidebar")).not_to_contain_text("Invitations")

    page.get_by_text("Save view", exact=True).first.click()
    page.locator("#new-name").fill("Refused")
    page.get_by_label("Open the list in this view").check()
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_text("View saved.")).to_be_visible()
    page.locator("#nav-sidebar a[href='/admin/unsub/subscriberrequest/']").click()
    page.wait_for_url("**status__exact=refused**")
    expect(page.locator(".unsub-menu").first).to_contain_text("Refused")
    for menu in range(page.locator(".unsub-menu").count()):
        page.locator(".unsub-menu > summary").nth(menu).click()
        assert violations(page, "main") == []
    context.close()


def _have_passkeys(page: Page) -> None:
    """Give the browser an authenticator."""
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def _sent_link(deployment: Deployment) -> str:
    """Return the link of the email that the web process wrote to its output."""
    log = deployment.folder / "web.log"
    found = wait_for("the email", lambda: LINK.search(log.read_text()))
    return found[0]
