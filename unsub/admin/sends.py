"""The sends that people unsubscribed from: how many got each, how many left, and why."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import (
    CharField,
    F,
    FloatField,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce, NullIf
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from unsub.models import By, DailyCount, Kind, ListPage, Reason, Send
from unsub.models.daily_count import job_reason_key
from unsub.reporting import send_rates
from unsub.reporting.send_rates import SendFacts

from . import formatting
from .charts import Bar, bars
from .filters import EmailFilter
from .list_parameters import SEND_FILTERS
from .read_only import Bounded, ReadOnly
from .saved_views import WithSavedViews
from .unit_scope import NamingUnits, UnitFilter

if TYPE_CHECKING:
    SendAdminBase = admin.ModelAdmin[Send]
else:
    SendAdminBase = ModelAdmin

TREND = 12  # sends of the same email on the page of a send
REQUESTS = "admin:unsub_subscriberrequest_changelist"
SENDS, CHANGE = "admin:unsub_send_changelist", "admin:unsub_send_change"


def percent(rate: float | None) -> str:
    """Return a rate as a percentage with two digits, or a dash."""
    return formatting.NOTHING if rate is None else f"{number_format(rate * 100, decimal_pos=2)}%"


@admin.register(Send)
class SendAdmin(WithSavedViews, ReadOnly, Bounded, NamingUnits, SendAdminBase):
    """All sends, newest first, each with its rate; its page says why people left."""

    list_display = (
        "email", "subject", "sent", "unit_label", "job_id", "to", "unsubscribes", "rate",
    )  # fmt: skip
    list_filter = (("unit", UnitFilter), EmailFilter)
    search_fields = ("email_name", "subject", "=job_id")
    search_help_text = _("Part of the email’s name or subject, or a JobID.")
    fields = readonly_fields = (
        "email", "subject", "job_id", "unit_label", "sent", "to", "delivered", "unsubscribes",
        "rate", "usual", "read",
    )  # fmt: skip
    sortable_by = ("sent", "job_id", "unsubscribes", "rate")
    saved_page = ListPage.SENDS
    saved_filters = SEND_FILTERS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Send]:
        """Return the sends that Marketing Cloud knows, each with its unsubscribes and its rate, for
        sorting. A send of which the rate is not known is the last where the highest is first."""
        rows: QuerySet[Send] = super().get_queryset(request)
        counts = DailyCount.objects.filter(
            by=By.JOB, mid=OuterRef("unit_id"), key=Cast(OuterRef("job_id"), CharField())
        )
        sums = counts.order_by().values("mid").annotate(sum=Sum("number")).values("sum")
        left = Coalesce(Subquery(sums), 0)
        sent = NullIf(Cast("number_sent", FloatField()), Value(0.0))
        return rows.exclude(email_name="").annotate(
            counted=left, counted_rate=Coalesce(F("counted") / sent, -1.0)
        )

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
        extra: dict[str, Any] = {}
        if send:
            extra = {"send_reasons": reasons_of(send)} | trend_of(send)
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

    @admin.display(description=_("unsubscribes"), ordering="counted")
    def unsubscribes(self, send: Send) -> SafeString:
        """Return how many left, with a link to exactly those requests."""
        facts = self._facts(send)
        return formatting.link(requests_url(send), _number(facts.unsubscribes if facts else 0))

    @admin.display(description=_("rate"), ordering="counted_rate")
    def rate(self, send: Send) -> str:
        """Return the share of those who got it."""
        facts = self._facts(send)
        return percent(facts.rate if facts else None)

    @admin.display(description=_("usual rate"))
    def usual(self, send: Send) -> str:
        """Return the median rate of the unit's sends."""
        rate = _usual_rate(send)
        if rate is None:
            return gettext("Not known: fewer than five sends in the last 90 days")
        return gettext(
            "%s, the median of this business unit’s sends of the last 90 days"
        ) % percent(rate)

    @admin.display(description=_("read from Marketing Cloud"))
    def read(self, send: Send) -> str:
        """Return when Marketing Cloud was asked last."""
        return formatting.moment(send.read_at)


def _usual_rate(send: Send) -> float | None:
    """Return the median rate of the unit's sends; read once for a page."""
    if not hasattr(send, "usual_rate"):
        found = send_rates.recent([send.unit_id]).values()
        send.usual_rate = send_rates.usual_rate(found)  # type: ignore[attr-defined]
    usual: float | None = send.usual_rate  # type: ignore[attr-defined]
    return usual


def trend_of(send: Send) -> dict[str, Any]:
    """Return for the page of a send the last TREND sends of the same email, newest first, with
    their rates and the unit's usual rate; nothing where it was sent once only."""
    same = Send.objects.filter(unit=send.unit_id, email_name=send.email_name)
    sends = list(same.order_by(F("sent_at").desc(nulls_last=True), "-job_id")[:TREND])
    if len(sends) <= 1:
        return {}
    facts = send_rates.of_jobs([send.unit_id], [one.job_id for one in sends])
    usual = _usual_rate(send)
    rates = {key: one.rate or 0.0 for key, one in facts.items()}
    longest = max([*rates.values(), usual or 0.0]) or 1.0
    rows = []
    for one in sends:
        key = one.unit_id, one.job_id
        rows.append(
            Bar(
                label=formatting.moment(one.sent_at, timespec="minutes"),
                number=facts[key].unsubscribes,
                url=requests_url(one),
                detail=str(one.job_id),
                detail_url="" if one.pk == send.pk else reverse(CHANGE, args=(one.pk,)),
                rate=percent(facts[key].rate),
                width=round(rates[key] / longest * 100, 1),
            )
        )
    query = {"email": send.email_name, "unit__mid__exact": send.unit_id}
    return {
        "trend": rows,
        "trend_all": same.count(),
        "trend_url": f"{reverse(SENDS)}?{urlencode(query)}",
        "trend_usual": percent(usual) if usual is not None else "",
        "trend_usual_at": round((usual or 0.0) / longest * 100, 1),
    }


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
    first. From the daily counts: three queries."""
    labels = dict(Reason.objects.values_list("pk", "label"))
    rows = DailyCount.objects.filter(mid=send.unit_id).order_by()
    whole = rows.filter(by=By.JOB, key=str(send.job_id)).aggregate(sum=Sum("number"))["sum"] or 0
    keys = {job_reason_key(send.job_id, pk): pk for pk in labels}
    sums = rows.filter(by=By.JOB_REASON, key__in=list(keys)).values_list("key")
    counts: dict[int | None, int] = {keys[key]: sum_ for key, sum_ in sums.annotate(Sum("number"))}
    if without := whole - sum(counts.values()):
        counts[None] = without
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0] or 0))
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
