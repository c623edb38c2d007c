"""Webhooks: the endpoints that events are posted to."""

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from unsub.infra.public_addresses import is_public
from unsub.models import (
    DeliveryState,
    DisabledReason,
    EndpointState,
    WebhookEndpoint,
)
from unsub.models.webhook import OFFERED, all_types
from unsub.webhooks import call, endpoints, recording

from . import formatting
from .bulk_actions import actor
from .unit_scope import OfUnits, UnitFilter

if TYPE_CHECKING:
    EndpointAdminBase = admin.ModelAdmin[WebhookEndpoint]
    EndpointFormBase = forms.ModelForm[WebhookEndpoint]
else:
    EndpointAdminBase = ModelAdmin
    EndpointFormBase = forms.ModelForm

_BADGES = {
    EndpointState.ACTIVE: "done",
    EndpointState.PAUSED: "held",
    EndpointState.DISABLED: "refused",
}


class EndpointForm(EndpointFormBase):
    """An endpoint, without its secret."""

    types = forms.MultipleChoiceField(
        label=_("Events"),
        initial=all_types,
        choices=[(one.value, one.label) for one in OFFERED],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": _("Choose at least one event.")},
    )

    class Meta:
        model = WebhookEndpoint
        fields = (
            "name", "unit", "url", "types", "include_subscriber", "include_address", "state",
        )  # fmt: skip
        widgets = {  # noqa: RUF012 - Django reads it so
            "url": UnfoldAdminTextInputWidget(
                attrs={"placeholder": "https://example.com/webhooks", "spellcheck": "false"}
            )
        }

    def clean_url(self) -> str:
        """Return the URL. Raises ValidationError for one that is never called."""
        url: str = self.cleaned_data["url"].strip()
        if not call.may_call(url):
            raise ValidationError(_("Enter a URL that begins with https://"))
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise ValidationError(_("Enter a URL without user name and password."))
        if not settings.WEBHOOK_ALLOW_PRIVATE and _is_private(parts.hostname or ""):
            raise ValidationError(_("Enter a URL that can be reached from the internet."))
        return url


def _is_private(host: str) -> bool:
    """Return whether a host is an IP address that is never called. Names are looked up when an
    event is sent."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OfUnits, EndpointAdminBase):
    """The endpoints. A secret is shown once: when it was made."""

    form = EndpointForm
    list_display = ("name", "unit_label", "host", "state_badge", "failed", "failing")
    list_filter = ("state", ("unit", UnitFilter))
    list_select_related = ("unit",)
    search_fields = ("name",)
    actions = ("pause", "resume", "rotate", "send_test")
    readonly_fields = ("host", "unit_label", "failing", "disabled_at", "created")

    def get_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        """Return the fields of the form, and for one that exists how it fares. Its unit stays: the
        events of that unit would go with it, to users of another one. Users who may not change it
        see of the URL the host alone."""
        fields: tuple[str, ...] = EndpointForm.Meta.fields
        if obj is None:
            return fields
        shown = {"unit": "unit_label"}
        if not self.has_change_permission(request, obj):
            shown["url"] = "host"
        return (*(shown.get(name, name) for name in fields), "failing", "disabled_at", "created")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Return whether the list may be filtered so: by what it offers alone. A filter by the URL
        would tell it, letter by letter, to users who see the host alone."""
        name = lookup.partition("__")[0]
        return name in {"state", "unit"} and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Return the endpoints of the user's units, each with its number of failed deliveries."""
        failed = Count("deliveries", filter=Q(deliveries__state=DeliveryState.FAILED))
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return rows.annotate(number_failed=failed)

    def has_delete_permission(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> bool:
        """Return whether the endpoint may be deleted: once it is disabled, and without
        deliveries."""
        if obj is not None and not endpoints.can_be_deleted(obj):
            return False
        return super().has_delete_permission(request, obj)

    @admin.display(description=_("business unit"))
    def unit_label(self, one: WebhookEndpoint) -> str:
        """Return the unit, or that it is for all."""
        return str(one.unit) if one.unit else gettext("all business units")

    @admin.display(description=_("receiver"))
    def host(self, one: WebhookEndpoint) -> str:
        """Return the host of the URL: its path may be a credential."""
        return urlsplit(one.url).hostname or formatting.NOTHING

    @admin.display(description=_("status"), ordering="state")
    def state_badge(self, one: WebhookEndpoint) -> SafeString:
        """Return the status as a badge."""
        state = EndpointState(one.state)
        return formatting.badge(_BADGES[state], str(state.label))

    @admin.display(description=_("failed deliveries"))
    def failed(self, one: WebhookEndpoint) -> str | SafeString:
        """Return the number of failed deliveries, with a link to them."""
        number: int = getattr(one, "number_failed", 0)
        if not number:
            return "0"
        return formatting.link(_deliveries(one.pk, state=DeliveryState.FAILED), number)

    @admin.display(description=_("failures"))
    def failing(self, one: WebhookEndpoint) -> str:
        """Return since when it fails, or why it was disabled."""
        if one.disabled_reason:
            return str(DisabledReason(one.disabled_reason).label)
        if one.failing_since is None:
            return formatting.NOTHING
        return gettext("%(number)d in a row, since %(since)s") % {
            "number": one.failures,
            "since": formatting.moment(one.failing_since, timespec="minutes"),
        }

    @admin.display(description=_("created"))
    def created(self, one: WebhookEndpoint) -> str:
        """Return when and by whom it was created."""
        by = f", {one.created_by}" if one.created_by else ""
        return f"{formatting.moment(one.created_at, timespec='minutes')}{by}"

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: Any
    ) -> None:
        """Save the endpoint; a new one with a secret, which `response_add` shows. What the workers
        write meanwhile stays."""
        if change:
            endpoints.change(obj, form.changed_data)
        else:
            obj.created_by_id = actor(request.user)
            request.new_secret = endpoints.create(obj)  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, _post_url_continue: str | None = None
    ) -> HttpResponse:
        """Return the page that shows the secret, once."""
        return self._secret_page(request, obj, request.new_secret, is_new=True)  # type: ignore[attr-defined]

    def _secret_page(
        self, request: HttpRequest, one: WebhookEndpoint, secret: str, *, is_new: bool
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": gettext("Secret of %s") % one.name,
            "secret": secret,
            "is_new": is_new,
            "hours": endpoints.FORMER_HOURS,
            "next": reverse("admin:unsub_webhookendpoint_change", args=(one.pk,)),
        }
        answer = TemplateResponse(request, "admin/unsub/webhookendpoint/secret.html", context)
        add_never_cache_headers(answer)
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page of an endpoint, with what can be done with it."""
        one: WebhookEndpoint | None = kwargs.get("obj")
        if one:
            may = self.has_change_permission(request, one)
            acts = (("send_test", _("Send a test")), ("rotate", _("Replace secret")))
            context["acts"] = acts if may else ()
            context["deliveries_url"] = _deliveries(one.pk)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Send nothing to the selected active endpoints; their events are kept."""
        self._set(request, queryset.filter(state=EndpointState.ACTIVE), EndpointState.PAUSED)

    @admin.action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Send to the selected endpoints again: what was kept first."""
        self._set(request, queryset.exclude(state=EndpointState.ACTIVE), EndpointState.ACTIVE)

    def _set(
        self, request: HttpRequest, rows: QuerySet[WebhookEndpoint], state: EndpointState
    ) -> None:
        with transaction.atomic():
            found = list(rows)
            for one in found:
                one.state = state
                endpoints.change(one, ["state"])
            LogEntry.objects.log_actions(
                actor(request.user), found, CHANGE, f"Status: {state.value}."
            )
        self.message_user(request, gettext("Saved."), messages.SUCCESS)

    @admin.action(description=_("Replace secret"), permissions=["change"])
    def rotate(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        """Make a new secret for one endpoint, and show it once."""
        one = self._only(request, queryset)
        if one is None:
            return None
        with transaction.atomic():
            secret = endpoints.rotate(one)
            LogEntry.objects.log_actions(actor(request.user), [one], CHANGE, "Secret replaced.")
        return self._secret_page(request, one, secret, is_new=False)

    @admin.action(description=_("Send a test"), permissions=["change"])
    def send_test(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        """Send a test event to one endpoint, and show its deliveries."""
        one = self._only(request, queryset)
        if one is None:
            return None
        if one.state != EndpointState.ACTIVE:
            text = gettext("Resume the webhook first.")
            self.message_user(request, text, messages.ERROR)
            return None
        recording.test(one)
        text = gettext("The test is being sent. Reload this page to see the result.")
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(_deliveries(one.pk))

    def _only(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> WebhookEndpoint | None:
        """Return the one selected endpoint; None, with a message, where there are several."""
        found = list(queryset[:2])
        if len(found) == 1:
            return found[0]
        self.message_user(request, gettext("Select one webhook."), messages.ERROR)
        return None


def _deliveries(endpoint_id: int, **query: str) -> str:
    """Return the URL of the deliveries to an endpoint."""
    address = reverse("admin:unsub_webhookdelivery_changelist")
    return f"{address}?{urlencode({'endpoint__id__exact': endpoint_id, **query})}"
