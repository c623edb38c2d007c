"""What to do about an alarm: advice, links to what is behind it, and its runbook."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from unsub.alerting.notifications import ADVICE, runbook
from unsub.models import Alarm, Cause, Kind

REQUESTS = "unsub_subscriberrequest_changelist"
VIEW_REQUESTS = _("View requests")
REASONS = _("View its reasons")
SPOOL = _("Open the spool")
LINKS = _("Check a link")


# What the daily counts count.
COUNTED = {"kind__exact": Kind.UNSUBSCRIBE.value, "counted": "yes"}


class Step(NamedTuple):
    """A link to a page of the admin. In the query, MID, JOB and DAY stand for those of the alarm; a
    parameter is left out where the alarm has no such value."""

    text: Any  # a str, or a lazy translation
    page: str
    permission: str
    query: Mapping[str, str] = {}


class Advice(NamedTuple):
    """What to do, with links (text, URL), and the runbook: its URL, or its path where no URL is
    configured."""

    text: str
    links: list[tuple[str, str]]
    runbook: str

    @property
    def runbook_is_url(self) -> bool:
        """Whether the runbook can be opened from here."""
        return self.runbook.startswith(("https://", "http://"))


def _requests(**query: str) -> Step:
    """Return the step to requests of the alarm's unit."""
    return Step(
        VIEW_REQUESTS, REQUESTS, "unsub.view_subscriberrequest",
        {"unit__mid__exact": "MID", **query},
    )  # fmt: skip


_UNITS = Step(
    _("Resume the queue"), "unsub_businessunit_changelist", "unsub.change_businessunit",
    {"mid__exact": "MID"},
)  # fmt: skip
_SPOOL = Step(SPOOL, "unsub_alarm_spool", "unsub.view_alarm")
_LINKS = Step(LINKS, "unsub_businessunit_links", "unsub.view_businessunit")
_STEPS: Mapping[Cause, tuple[Step, ...]] = {
    Cause.LATE: (_requests(status__exact="pending"),),
    Cause.REFUSED: (_requests(status__exact="refused", handled="no"),),
    Cause.GIVEN_UP: (_requests(status__exact="refused", handled="no"),),
    Cause.HELD: (_UNITS, _requests(status__exact="held")),
    Cause.CIRCUIT_OPEN: (_requests(status__exact="pending"),),
    Cause.UNKNOWN_UNIT: (
        Step(
            _("Add business unit"), "unsub_businessunit_add", "unsub.add_businessunit",
            {"mid": "MID"},
        ),
        Step(
            VIEW_REQUESTS, REQUESTS, "unsub.view_subscriberrequest", {"status__exact": "held"},
        ),
    ),
    Cause.LATE_CALL: (
        Step(
            _("View delivery attempts"), "unsub_deliveryattempt_changelist",
            "unsub.view_deliveryattempt",
        ),
    ),
    Cause.INTERNAL_ERROR: (_requests(outcome="internal_error"),),
    Cause.BAD_CLAIM: (_LINKS,),
    Cause.TEST_LINKS: (_LINKS,),
    Cause.SPOOLED: (_SPOOL,),
    Cause.DEAD_LETTER: (_SPOOL,),
    Cause.EXPORT_LATE: (
        Step(
            _("View the missing files"), "unsub_exportrun_changelist", "unsub.view_exportrun",
            {"finished_at__isempty": "1"},
        ),
    ),
    Cause.DATABASE: (_SPOOL,),
    Cause.RESTORED: (
        Step(_("Release"), "unsub_restorehold_changelist", "unsub.view_restorehold"),
    ),
    Cause.WEBHOOK_FAILING: (
        Step(
            _("View webhook deliveries"), "unsub_webhookdelivery_changelist",
            "unsub.view_webhookdelivery",
        ),
    ),
    Cause.WEBHOOK_DISABLED: (
        Step(
            _("View webhooks"), "unsub_webhookendpoint_changelist", "unsub.view_webhookendpoint",
            {"state__exact": "disabled"},
        ),
    ),
    Cause.SPIKE: (
        _requests(received_at_from="DAY", **COUNTED),
        Step(
            _("Open the overview"), "index", "unsub.view_subscriberrequest",
            {"days": "1", "unit": "MID"},
        ),
    ),
    Cause.SEND_SPIKE: (
        _requests(job_id="JOB", received_at_from="DAY", **COUNTED),
        Step(
            REASONS, "unsub_send_changelist", "unsub.view_send",
            {"unit__mid__exact": "MID", "q": "JOB"},
        ),
        _requests(job_id="JOB", received_at_from="DAY", scanner="yes", **COUNTED)._replace(
            text=_("View suspected bots")
        ),
    ),
}  # fmt: skip


def advice_on(alarm: Alarm, user: User | AnonymousUser) -> Advice | None:
    """Return what a user can do about an alarm; None for one that is over."""
    if alarm.cleared_at is not None:
        return None
    cause = Cause(alarm.cause)
    links = [
        (gettext(step.text), _url(step, alarm))
        for step in _STEPS.get(cause, ())
        if user.has_perm(step.permission)
    ]
    return Advice(ADVICE[cause], links, runbook(cause))


def requests_url(alarm: Alarm) -> str:
    """Return the address of the list of exactly the requests that an alarm of unsubscribes
    counts."""
    return _url(_STEPS[Cause(alarm.cause)][0], alarm)


def _url(step: Step, alarm: Alarm) -> str:
    """Return the URL of a step."""
    known: dict[str, object] = {"MID": alarm.mid, "JOB": alarm.job_id, "DAY": alarm.first_day}
    filled = {name: known.get(value, value) for name, value in step.query.items()}
    query = {name: str(value) for name, value in filled.items() if value}
    address = reverse(f"admin:{step.page}")
    return f"{address}?{urlencode(query)}" if query else address
