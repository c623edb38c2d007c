"""What each role does, and what it cannot see: in a browser, on real servers."""

from playwright.sync_api import Browser, Page, expect

from tests.journeys.deployment import PARENT, Deployment
from tests.journeys.office import enter, set_app_up, sign_in
from tests.journeys.processes import wait_for
from tests.journeys.reader import window

LIST = "/admin/unsub/subscriberrequest/"
UNIT = f"/admin/unsub/businessunit/{PARENT}/change/"
MANY = 1203
WAITING = "SELECT id FROM unsub_subscriberrequest WHERE status IN ('pending', 'sending') LIMIT 1"
REFUSE = (
    "from datetime import timedelta; from django.utils import timezone;"
    "from unsub.models import SubscriberRequest; now = timezone.now();"
    "SubscriberRequest.objects.bulk_create("
    "SubscriberRequest(unit_id={mid}, subscriber_id=9_100_000 + n,"
    " job_id=88777, target_type='job', target_id=88777, scope='list', channel='page',"
    " status='refused', outcome='refused',"
    " error_code=400, attempts=1, received_at=now, finished_at=now, next_attempt_at=now,"
    " give_up_at=now + timedelta(days=10)) for n in range({many}))"
)


def side_bar(page: Page) -> str:
    """Return the text of the side bar."""
    return page.locator("#nav-sidebar").inner_text()


STEPS = "**/unsub/steps*.js"


def test_a_viewer_reads_and_cannot_act(shared: Deployment, desk: Page) -> None:
    shared.one_click(shared.link(1051))
    number = shared.audit_of(1051)["id"]
    sign_in(desk, shared, "/admin/", name="looker", group="viewer", unit=PARENT)
    assert "Users" not in side_bar(desk)
    desk.goto(f"{shared.url}{LIST}")
    assert desk.locator("select[name=action]").count() == 0
    desk.goto(f"{shared.url}{LIST}{number}/change/")
    expect(desk.get_by_text("Marketing Cloud confirmed the unsubscribe. (request")).to_be_visible()
    desk.goto(f"{shared.url}{UNIT}")
    assert desk.get_by_role("button", name="Save").count() == 0
    texts = desk.goto(f"{shared.url}/admin/unsub/businessunit/{PARENT}/texts/")
    assert texts is not None
    assert texts.status == 403


def test_a_marketer_requeues_all_filtered_requests(shared: Deployment, desk: Page) -> None:
    shared.shell(REFUSE.format(mid=PARENT, many=MANY))
    sign_in(desk, shared, LIST, name="seller", group="marketer", unit=PARENT)
    desk.goto(f"{shared.url}{LIST}?job_id=88777&error_code=400")
    desk.locator("#action-toggle").check()
    desk.locator("select[name=action]").select_option("try_selected_again")
    desk.locator(".question a, .question button, span.question").first.click()
    desk.get_by_role("button", name="Run").click()
    expect(desk.get_by_text(f"Send {MANY} requests to Marketing Cloud again?")).to_be_visible()
    # Without its script the first step waits, so that it can be looked at; the others go on alone.
    desk.route(STEPS, lambda route: route.abort())
    desk.get_by_role("button", name="Retry").click()
    expect(desk.locator("progress")).to_be_visible()
    desk.unroute(STEPS)
    desk.get_by_role("button", name="Continue").click()
    expect(desk.get_by_text(f"{MANY} requests queued for retry.")).to_be_visible(timeout=120_000)
    # Other journeys need not wait for the worker until it has sent them all.
    wait_for("the retries", lambda: not shared.query(WAITING), seconds=240)


def test_a_marketer_adds_a_reason_and_sees_it_in_the_preview(
    shared: Deployment, desk: Page
) -> None:
    sign_in(desk, shared, "/admin/unsub/reason/add/", name="writer", group="marketer", unit=PARENT)
    desk.locator("select[name=unit]").select_option(str(PARENT))
    desk.get_by_label("Code").fill("just-looking")
    desk.get_by_label("Label").first.fill("I was just looking")
    preview = desk.frame_locator("iframe[name=preview]")
    expect(preview.get_by_text("I was just looking")).to_be_visible()
    # The whole list: its scripts show what can be done with the rows that are chosen.
    with desk.expect_navigation():
        desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.locator("#result_list").get_by_text("I was just looking")).to_be_visible()
    # Retired again, so that other journeys find the common reasons.
    row = desk.locator("#result_list tbody tr", has_text="I was just looking")
    row.locator("input.action-select").check()
    desk.locator("select[name=action]").select_option("retire")
    desk.get_by_role("button", name="Run").click()
    expect(desk.get_by_text("1 reason hidden.")).to_be_visible()
    desk.goto(f"{shared.url}{UNIT}")
    # Technical settings are for operators.
    assert desk.locator("input[name=all_subscribers_list_id]").count() == 0


def test_an_operator_releases_queues_and_adds_units(shared: Deployment, desk: Page) -> None:
    sign_in(desk, shared, "/admin/unsub/businessunit/", name="steerer", group="operator")
    assert "Users" not in side_bar(desk)
    desk.locator("#result_list tbody tr").first.locator("input.action-select").check()
    desk.locator("select[name=action]").select_option("release")
    desk.get_by_role("button", name="Run").click()
    desk.get_by_role("button", name="Resume queue").click()
    expect(desk.get_by_text("requests are being sent.")).to_be_visible()
    desk.goto(f"{shared.url}/admin/unsub/businessunit/add/")
    desk.get_by_label("MID").fill("510077")
    desk.locator("input[name=name]").fill("Example Garden")
    desk.get_by_role("tab", name="Connection").click()
    desk.locator("input[name=import_events]").check()
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.locator("#result_list").get_by_text("Example Garden")).to_be_visible()
    desk.goto(f"{shared.url}/admin/unsub/businessunit/510077/change/#connection")
    expect(desk.locator("input[name=import_events]")).to_be_checked()
    desk.locator("input[name=import_events]").uncheck()
    with desk.expect_navigation():
        desk.get_by_role("button", name="Save", exact=True).click()


def test_an_administrator_adds_a_user(shared: Deployment, desk: Page, browser: Browser) -> None:
    sign_in(desk, shared, "/admin/auth/user/add/", name="chief", group="administrator")
    desk.locator("input[name=username]").fill("newcomer")
    for field in ("password1", "password2"):
        desk.locator(f"input[name={field}]").fill("a-long-new-one-17")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("was added successfully").first).to_be_visible()
    # Only superusers make superusers.
    assert desk.locator("input[name=is_superuser]").count() == 0
    answer = desk.goto(f"{shared.url}/admin/auth/group/add/")
    assert answer is not None
    assert answer.status == 403
    context = window(browser)
    page = context.new_page()
    page.goto(f"{shared.url}/admin/")
    enter(page, "newcomer", "a-long-new-one-17")
    page.wait_for_url("**/second-factor/")
    set_app_up(page)
    page.goto(f"{shared.url}/admin/")
    page.wait_for_url("**/admin/")
    # Signed in, without permissions until a group is assigned.
    assert "Requests" not in page.locator("body").inner_text()
    context.close()
