"""Import of unsubscribes that happened in Marketing Cloud's own centre."""

from playwright.sync_api import Page, expect

from tests.journeys.deployment import NEWEST_WEEKLY_JOB, PARENT, Deployment
from tests.journeys.office import sign_in
from unsub.sfmc import LOG_UNSUB_EVENT, ExecuteRequest, MemoryTokenStore
from unsub.sfmc.auth import OAuth
from unsub.sfmc.client import Client

ELSEWHERE = 1061
TAKE_OVER = (
    "from unsub.models import BusinessUnit; from unsub.tasks import import_events;"
    "BusinessUnit.objects.filter(mid={mid}).update(import_events={on});"
    "import_events.delay()"
)


def unsubscribe_elsewhere(deployment: Deployment, subscriber: int) -> None:
    """Log an event directly, as Marketing Cloud's own centre does."""
    auth = OAuth(
        auth_url=deployment.sandbox_url, client_id="sandbox", client_secret="sandbox",
        account_id=PARENT, store=MemoryTokenStore(), timeout=60,
    )  # fmt: skip
    parameters = (("SubscriberID", str(subscriber)), ("JobID", str(NEWEST_WEEKLY_JOB)))
    Client(auth=auth, soap_url=deployment.sandbox_url, timeout=60).execute(
        [ExecuteRequest(name=LOG_UNSUB_EVENT, parameters=parameters)]
    )


def test_an_unsubscribe_from_elsewhere_is_imported_into_the_audit(
    shared: Deployment, desk: Page
) -> None:
    shared.one_click(shared.link(1062))
    shared.event_of(1062)
    unsubscribe_elsewhere(shared, ELSEWHERE)
    try:
        shared.shell(TAKE_OVER.format(mid=PARENT, on=True))
        assert shared.audit_of(ELSEWHERE)["status"] == "done"
    finally:
        shared.shell(TAKE_OVER.format(mid=PARENT, on=False))
    # A request that we sent is not imported again.
    assert shared.audit_of(1062)["channel"] == "one_click"
    # Only a digest of the address is stored; the search finds it.
    sign_in(desk, shared, "/admin/unsub/subscriberrequest/", name="finder")
    desk.locator("#searchbar").fill(f"SUB{ELSEWHERE}@example.com")
    desk.locator("#searchbar").press("Enter")
    row = desk.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("import")
    expect(row).to_contain_text("s•••@example.com")
    row.locator("a").first.click()
    expect(desk.get_by_text("in Marketing Cloud. Imported.").first).to_be_visible()


def test_filters_can_be_typed_in_the_panel(shared: Deployment, desk: Page) -> None:
    shared.one_click(shared.link(1063))
    shared.audit_of(1063)
    sign_in(desk, shared, "/admin/unsub/subscriberrequest/", name="typist")
    desk.locator("a:has-text('Filters'), button:has-text('Filters')").first.click()
    desk.locator("#id_job_id").fill("88999")
    # The whole page that follows: before its scripts run, its buttons do nothing.
    with desk.expect_navigation():
        desk.get_by_role("button", name="Apply Filters").click()
    expect(desk.locator("#result_list tbody tr")).to_have_count(0)
    desk.locator("a:has-text('Filters'), button:has-text('Filters')").first.click()
    desk.locator("#id_job_id").fill(str(NEWEST_WEEKLY_JOB))
    desk.get_by_role("button", name="Apply Filters").click()
    expect(desk.locator("#result_list tbody tr").first).to_contain_text(str(NEWEST_WEEKLY_JOB))
