"""The sends that people unsubscribed from: how many got each, how many left, and why."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import Kind, ListPage, Reason, Send, SubscriberRequest
from unsub.models.statuses import NOT_COUNTED, in_states
from unsub.reporting import send_rates
from unsub.reporting.send_rates import SendFacts

from . import formatting
from .charts import Bar, bars
from .list_parameters import SEND_FILTERS
from .read_only import Bounded, ReadOnly
from .saved_views import WithSavedViews
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    SendAdminBase = admin.ModelAdmin[Send]
else:
    SendAdminBase = ModelAdmin

REQUESTS = "admin:unsub_subscriberrequest_changelist"


def percent(rate: float | None) -> str:
    """Return a rate as a percentage with two digits, or a dash."""
    return formatting.NOTHING if rate is None else f"{number_format(rate * 100, decimal_pos=2)}%"


@admin.register(Send)
class SendAdmin(WithSavedViews, ReadOnly, Bounded, NamingUnits, SendAdminBase):
    """All sends, newest first, each with its rate; its page says why people left."""

    list_display = (
        "email", "subject", "sent", "unit_label", "job_id", "to", "unsubscribes", "rate",
    )  # fmt: skip
    list_filter = (("unit", UnitFilter),)
    search_fields = ("email_name", "subject", "=job_id")
    search_help_text = _("Part of the email’s name or subject, or a JobID.")
    fields = readonly_fields = (
        "email", "subject", "job_id", "unit_label", "sent", "to", "delivered", "unsubscribes",
        "rate", "usual", "read",
    )  # fmt: skip
    sortable_by = ("sent", "job_id")
    saved_page = ListPage.SENDS
    saved_filters = SEND_FILTERS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Send]:
        """Return the sends that Marketing Cloud knows."""
        rows: QuerySet[Send] = super().get_queryset(request)
        return rows.exclude(email_name="")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Return the list; the unsubscribes of its rows are read at once."""
        answer = super().changelist_view(request, extra_context)
        found = getattr(answer, "context_data", None) or {}
        if changes := found.get("cl"):
            self._describe(list(changes.result_list))
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Return the page of a send, with the reasons that people gave."""
        send = self.get_object(request, object_id)
        extra = {"send_reasons": reasons_of(send)} if send else {}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | extra)

    @staticmethod
    def _describe(sends: list[Send]) -> None:
        """Add to each row what is known of it, as `facts`."""
        facts = send_rates.of_jobs(None, [send.job_id for send in sends])
        for send in sends:
            send.facts = facts.get((send.unit_id, send.job_id))  # type: ignore[attr-defined]

    def _facts(self, send: Send) -> SendFacts | None:
        if not hasattr(send, "facts"):
            self._describe([send])
        found: SendFacts | None = send.facts  # type: ignore[attr-defined]
        return found

    @admin.display(description=_("email"))
    def email(self, send: Send) -> str:
        """Return the email's name."""
        return str(send)

    @admin.display(description=_("sent"), ordering="sent_at")
    def sent(self, send: Send) -> str:
        """Return when it was sent."""
        return formatting.moment(send.sent_at, timespec="minutes")

    @admin.display(description=_("sent to"))
    def to(self, send: Send) -> str:
        """Return to how many it was sent."""
        return _number(send.number_sent)

    @admin.display(description=_("delivered to"))
    def delivered(self, send: Send) -> str:
        """Return to how many it was delivered."""
        return _number(send.number_delivered)

    @admin.display(description=_("unsubscribes"))
    def unsubscribes(self, send: Send) -> SafeString:
        """Return how many left, with a link to exactly those requests."""
        facts = self._facts(send)
        return formatting.link(requests_url(send), _number(facts.unsubscribes if facts else 0))

    @admin.display(description=_("rate"))
    def rate(self, send: Send) -> str:
        """Return the share of those who got it."""
        facts = self._facts(send)
        return percent(facts.rate if facts else None)

    @admin.display(description=_("usual rate"))
    def usual(self, send: Send) -> str:
        """Return the median rate of the unit's sends."""
        rate = send_rates.usual_rate(send_rates.recent([send.unit_id]).values())
        if rate is None:
            return gettext("Not known: fewer than five sends in the last 90 days")
        return gettext(
            "%s, the median of this business unit’s sends of the last 90 days"
        ) % percent(rate)

    @admin.display(description=_("read from Marketing Cloud"))
    def read(self, send: Send) -> str:
        """Return when Marketing Cloud was asked last."""
        return formatting.moment(send.read_at)


def requests_url(send: Send, **more: str) -> str:
    """Return the address of the list of a send's unsubscribes, limited by further filters."""
    query = {
        "job_id": str(send.job_id),
        "unit__mid__exact": str(send.unit_id),
        "kind__exact": Kind.UNSUBSCRIBE.value,
        "counted": "yes",
    }
    return f"{reverse(REQUESTS)}?{urlencode(query | more)}"


def reasons_of(send: Send) -> list[Bar]:
    """Return how often each reason was given by those who left after this send, most often
    first."""
    rows = SubscriberRequest.objects.unsubscribes().filter(unit_id=send.unit_id, job_id=send.job_id)
    counts = (
        rows.exclude(in_states(*NOT_COUNTED)).order_by().values_list("reason")
        .annotate(number=Count("pk"))
    )  # fmt: skip
    found = sorted(counts, key=lambda one: (-one[1], one[0] or 0))
    labels = dict(Reason.objects.values_list("pk", "label"))
    return bars(
        [
            Bar(
                label=labels.get(pk, str(pk)) if pk else gettext("No reason given"),
                number=number,
                url=requests_url(send, **_reason(pk)),
            )
            for pk, number in found
        ]
    )


def _reason(pk: int | None) -> dict[str, str]:
    return {"reason__id__exact": str(pk)} if pk else {"reason__isnull": "True"}


def _number(number: int | None) -> str:
    return formatting.NOTHING if number is None else number_format(number, force_grouping=True)
