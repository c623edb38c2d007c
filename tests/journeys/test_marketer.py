"""A marketer in the admin: read, act, prove, build links. In a browser, per role."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.deployment import CHILD, KIDS, KIDS_JOB, PARENT, Deployment
from tests.journeys.office import sign_in
from tests.journeys.processes import wait_for
from unsub.domain.context import JobContext

LIST = "/admin/unsub/subscriberrequest/"
BLACK = "rgb(0, 0, 0)"
PAGES = (
    "/admin/", f"/admin/unsub/businessunit/{PARENT}/texts/", "/admin/unsub/businessunit/links/",
    f"/admin/unsub/businessunit/{PARENT}/lists/", f"/admin/unsub/businessunit/{PARENT}/languages/",
    f"{LIST}scanners/", f"{LIST}receipts/", f"{LIST}?status__exact=done&per_page=25",
    "/admin/unsub/alarm/spool/",
    "/admin/unsub/businessunit/add/", "/admin/unsub/reason/add/", "/admin/auth/user/add/",
    "/admin/unsub/invitation/add/",
)  # fmt: skip
# Presses what has an expression of the theme: (the expression, what must be true afterwards).
PRESS = """expression => [...document.querySelectorAll("*")]
    .find(one => one.getAttribute("x-on:click")?.startsWith(expression)).click()"""
PRESSED = (
    ("openUserLinks =",
     "getComputedStyle(document.querySelector('[x-show=openUserLinks]')).display !== 'none'"),
    ("switchTheme('dark')", "document.documentElement.classList.contains('dark')"),
    ("switchTheme('light')", "!document.documentElement.classList.contains('dark')"),
    ("sidebarDesktopOpen =", "localStorage.getItem('sidebarDesktopOpen') === '0'"),
)  # fmt: skip
# What an attribute that somebody else could place must not reach.
INJECT = """said => { const one = document.createElement("i"); one.setAttribute("x-init", said);
    document.body.append(one); }"""
INJECTED = (
    "''.constructor.constructor('window.reached = 1')()", "[]['constru' + 'ctor'] = 1",
    "window.document.title", "fetch('/')", "$el.ownerDocument.defaultView.reached = 1",
    "$el.getRootNode().defaultView.reached = 1", "$el.closest('html').parentNode.title = 1",
)  # fmt: skip


def test_the_admin_works_without_compiling_code(shared: Deployment, desk: Page) -> None:
    shared.one_click(shared.link(1046))
    problems: list[str] = []
    desk.on("console", lambda said: problems.extend([said.text] if said.type == "error" else []))
    desk.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(desk, shared, "/admin/", name="eval")
    number = shared.audit_of(1046)["id"]
    more = (f"{LIST}{number}/change/", f"{LIST}?status__exact=refused", "/admin/auth/user/add/",
            "/admin/unsub/reason/add/", "/admin/unsub/alarm/", "/admin/auth/group/")  # fmt: skip
    for path in (*PAGES, *more):
        answer = desk.goto(f"{shared.url}{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert "eval" not in answer.headers["content-security-policy"], path
        desk.wait_for_timeout(300)
        assert not problems, (path, problems)
    desk.goto(f"{shared.url}{LIST}")
    for expression, effect in PRESSED:
        desk.evaluate(PRESS, expression)
        wait_for(expression, lambda effect=effect: desk.evaluate(effect))  # type: ignore[misc]
    assert not problems, problems
    # In a window of its own: the errors are wanted.
    other = desk.context.new_page()
    refused: list[str] = []
    other.on("pageerror", lambda error: refused.append(str(error)))
    other.goto(f"{shared.url}{LIST}")
    for said in INJECTED:
        other.evaluate(INJECT, said)
        other.wait_for_timeout(300)
    wait_for("the errors", lambda: other.evaluate("1") and len(refused) >= len(INJECTED))
    assert other.evaluate("window.reached") is None
    assert len(refused) == len(INJECTED), refused


def test_a_refused_request_is_found_and_marked_as_resolved(shared: Deployment, desk: Page) -> None:
    # An unknown subscriber: the sandbox refuses the request.
    shared.one_click(shared.link(9_000_001))
    assert shared.audit_of(9_000_001)["status"] == "refused"
    sign_in(desk, shared, "/admin/", name="dealer")
    # The whole page: its scripts show what can be done with the rows that are chosen.
    with desk.expect_navigation():
        desk.get_by_role("link", name="refused").click()
    row = desk.locator("#result_list tbody tr").first
    row.locator("input[type=checkbox]").first.check()
    desk.locator("select[name=action]").select_option("mark_handled")
    desk.get_by_role("button", name="Run").click()
    desk.get_by_label("What did you do?").fill("Unknown person, nothing to do")
    desk.get_by_role("button", name="Mark as resolved").click()
    expect(desk.get_by_text("1 request marked as resolved.")).to_be_visible()


def test_the_audit_shows_timelines_exports_and_proofs(shared: Deployment, desk: Page) -> None:
    shared.one_click(shared.link(1042))
    number = shared.audit_of(1042)["id"]
    sign_in(desk, shared, f"{LIST}?q=1042", name="auditor")
    with desk.expect_download() as started:
        desk.get_by_role("link", name="Export CSV").click()
    lines = Path(started.value.path()).read_text().splitlines()
    ids = [line.split(",")[0] for line in lines]
    assert ids[0] == "id"
    assert ids.count(str(number)) == 1
    desk.locator("#result_list tbody tr a").first.click()
    expect(
        desk.get_by_text("Marketing Cloud confirmed the unsubscribe. (request ID")
    ).to_be_visible()
    desk.get_by_role("link", name="Subscriber record").click()
    expect(desk.get_by_text("All records of this subscriber")).to_be_visible()
    # Printed, it is dark on white, whatever the screen's colour scheme.
    desk.emulate_media(color_scheme="dark")
    desk.reload()
    ink = "getComputedStyle(document.querySelector('.unsub-story li span')).color"
    assert desk.evaluate(ink) != BLACK
    desk.emulate_media(media="print", color_scheme="dark")
    assert desk.evaluate(ink) == BLACK


def test_a_link_can_be_built_opened_and_explained(shared: Deployment, desk: Page) -> None:
    sign_in(desk, shared, "/admin/unsub/businessunit/links/", name="linker")
    expect(desk.locator("#snippet")).to_contain_text("GetJWTByKeyName")
    address = desk.get_by_role("link", name="Open test page").get_attribute("href")
    desk.get_by_label("Link or token").fill(str(address))
    desk.get_by_role("button", name="Check link").click()
    expect(desk.get_by_text("Test link. The page opens, but nothing is saved")).to_be_visible()
    desk.goto(str(address))
    expect(desk.get_by_text("This is a test link")).to_be_visible()


def test_a_viewer_of_one_unit_sees_nothing_of_another(shared: Deployment, desk: Page) -> None:
    kids = JobContext(job_id=KIDS_JOB, list_id=KIDS, batch_id=0)
    shared.one_click(shared.link(1043, mid=CHILD, job=kids))
    shared.one_click(shared.link(1044))
    theirs = shared.audit_of(1043)["id"]
    sign_in(desk, shared, "/admin/", name="watcher", group="viewer", unit=PARENT)
    for path in ("/admin/?days=7", LIST, "/admin/unsub/businessunit/", "/admin/unsub/reason/",
                 "/admin/unsub/deliveryattempt/", "/admin/unsub/businessunit/links/"):  # fmt: skip
        desk.goto(f"{shared.url}{path}")
        words = desk.locator("body").inner_text()
        for trace in ("Example Kids", str(CHILD), str(KIDS_JOB)):
            assert trace not in words, path
    answer = desk.goto(f"{shared.url}{LIST}{theirs}/change/")
    assert answer is not None
    assert answer.status == 403
    assert desk.get_by_role("button", name="Retry").count() == 0
