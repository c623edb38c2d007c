"""Page for authors of emails: AMPscript snippet, test link, and an explanation of any link."""

import re
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from unsub.domain.context import Effect, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.domain.masking import mask
from unsub.links import ampscript
from unsub.links.ampscript import Use, is_key_name, snippet
from unsub.links.headers import LINE_MAX, SUBJECT_MAX, list_unsubscribe
from unsub.links.tokens import LinkError, LinkFault, sign_link
from unsub.models import BusinessUnit
from unsub.reporting.explanations import CLAIM_FAULTS, LINK_FAULTS
from unsub.units.access import sees_all, units_of
from unsub.units.opening import open_damaged_link

# What follows the path of a link, whatever its host.
_TOKEN = re.compile(r"(?s:/[up]/+(.+))")


# What each form costs, and how long its links live. docs/links.md has the sources.
USES = {
    Use.TRACKED: _(
        "Clicks are counted. The link stops working at the account’s URL "
        "expiration, 60 to 730 days after the send. CAN-SPAM requires 30 days, "
        "CASL 60."
    ),
    Use.UNTRACKED: _(
        "Clicks aren’t counted. The link works as long as its key is in "
        "LINK_KEYS. Check in a test send that the URL starts with the host name "
        "of this service."
    ),
    Use.TEXT: _(
        "In the text part, RedirectTo needs http:// before it. Clicks are "
        "counted, and the link stops working at the account’s URL expiration."
    ),
    Use.CLOUDPAGE: _(
        "For a page that CloudPagesURL opens from an email. The page has the "
        "context of the email and redirects at once. Each click costs one page "
        "view."
    ),
}


class SnippetForm(forms.Form):
    """The choices that the snippet depends on."""

    unit: Any = forms.ModelChoiceField(
        label=_("Business unit"), queryset=None, empty_label=None, widget=UnfoldAdminSelectWidget
    )
    key = forms.CharField(
        label=_("External key (Key Management)"),
        widget=UnfoldAdminTextInputWidget,
    )
    scope = forms.ChoiceField(
        label=_("Unsubscribes from"),
        choices=[
            (Scope.LIST.value, _("the mailing list of the send")),
            (Scope.ALL.value, _("all marketing emails")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    use = forms.ChoiceField(
        label=_("Used in"),
        choices=[
            (Use.TRACKED.value, _("HTML of an email, tracked")),
            (Use.UNTRACKED.value, _("HTML of an email, not tracked")),
            (Use.TEXT.value, _("text part of an email")),
            (Use.CLOUDPAGE.value, _("CloudPage that redirects")),
        ],
        widget=UnfoldAdminSelectWidget,
        required=False,
    )
    sk = forms.BooleanField(
        label=_("Include SubscriberKey"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        """Offer the units of `user`."""
        super().__init__(*args, **kwargs)
        field = self.fields["unit"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - told to the type checker
        field.queryset = units_of(user)

    def clean_key(self) -> str:
        """Return the key's name. Raises ValidationError for a name that would need escaping."""
        name = str(self.cleaned_data["key"]).strip()
        if not is_key_name(name):
            raise forms.ValidationError(
                _("Use only letters, numbers, hyphens and underscores, up to 36 characters")
            )
        return name


class CheckForm(forms.Form):
    """A pasted link or token."""

    link = forms.CharField(
        label=_("Link or token"),
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """Explanation of a link: whether it opens, a sentence, and (name, value) facts. The subscriber
    is masked."""

    is_good: bool
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()


def links_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Return the page, with the explanation of a submitted link. Writes nothing."""
    initial = {"key": "profile-center", "scope": Scope.LIST.value, "sk": True}
    form = SnippetForm(
        request.GET if "unit" in request.GET else None, user=request.user, initial=initial
    )
    check = CheckForm(request.POST if request.method == "POST" else None)
    verdict = None
    if request.method == "POST" and check.is_valid():
        verdict = explain_link(check.cleaned_data["link"], user=request.user)
    more = {
        "title": gettext("Links"),
        "form": form,
        "check": check,
        "verdict": verdict,
    }
    made = _made(form, request)
    return TemplateResponse(request, "admin/unsub/links.html", context | more | made)


def _made(form: SnippetForm, request: HttpRequest) -> dict[str, Any]:
    """Return the context of the snippet, test link and headers, for the chosen unit or the
    first."""
    if form.is_bound and not form.is_valid():
        return {}
    chosen: Any = form.cleaned_data if form.is_bound else form.initial
    unit: BusinessUnit | None = chosen.get("unit") or units_of(request.user).first()
    if unit is None:
        return {}
    use = Use(chosen.get("use") or Use.TRACKED)
    code = snippet(
        address=unit.url,
        key_name=chosen["key"],
        scope=chosen["scope"],
        use=use,
        with_subscriber_key=chosen["sk"],
        with_centre=unit.profile_centre,
    )
    scripted = ampscript.headers(
        address=unit.url, mailto=settings.MAILTO_ADDRESS, with_subscriber_key=chosen["sk"]
    )
    return {
        "unit": unit,
        "snippet": code,
        "advice": USES[use],
        "scripted": scripted,
        "mailto": settings.MAILTO_ADDRESS,
        "limits": {"line": LINE_MAX, "subject": SUBJECT_MAX},
    } | _test_link(unit, Scope(chosen["scope"]))


def _test_link(unit: BusinessUnit, scope: Scope) -> dict[str, Any]:
    """Return a link that records nothing, and its email headers with their lengths."""
    context = UnsubContext(
        mid=unit.mid,
        subscriber=SubscriberContext(subscriber_id=1001),
        job=JobContext(job_id=1, list_id=1),
        scope=scope,
        scope_is_explicit=True,
        message_context="PREVIEW",
    )
    try:
        token = sign_link(context, keys=settings.LINK_KEYRING)
    except ValueError as err:
        return {"no_key": str(err)}
    link = f"{unit.url}/u/{token}"
    headers = list_unsubscribe(link, token=token, mailto=settings.MAILTO_ADDRESS, folded=True)
    return {"test_link": link, "headers": headers, "test_token": len(token)}


def explain_link(text: str, *, user: Any) -> LinkReport:
    """Return what a link or a token would do. Says nothing about a link of a unit that the user may
    not see, except that it belongs to one."""
    found = _TOKEN.search(text)
    try:
        _, context = open_damaged_link(found[1] if found else text.strip())
    except LinkError as err:
        return LinkReport(is_good=False, sentence=_explained(err))
    unit = units_of(user).filter(mid=context.mid).first()
    if unit is None and not sees_all(user):
        return LinkReport(
            is_good=False,
            sentence=gettext("This link belongs to a business unit you don’t have access to."),
        )
    if unit is not None:
        context = replace(context, all_subscribers=unit.all_subscribers_list_ids)
    return LinkReport(is_good=True, sentence=_effect(context), facts=_facts(context, unit))


def _explained(err: LinkError) -> str:
    """Return why a link is refused, as text; of a claim that cannot be used, which and why."""
    sentence = gettext(LINK_FAULTS[err.reason.value])
    if err.reason in (LinkFault.BAD_CLAIM, LinkFault.NO_UNIT):
        sentence = f"{sentence} {gettext(CLAIM_FAULTS[err.claim])}"
    elif err.reason is LinkFault.DUPLICATE_NAME and err.claim:
        sentence = f"{sentence} {gettext('Claim: %s.') % err.claim}"
    job = gettext("Send: %s.") % err.job_id if err.job_id else ""
    return f"{sentence} {job}".rstrip()


def _effect(context: UnsubContext) -> str:
    """Return the effect of unsubscribing with the link, as text."""
    if context.is_test:
        return gettext("Test link. The page opens, but nothing is saved or sent.")
    if context.effect is Effect.FROM_EVERYTHING:
        return gettext(
            "Unsubscribes the subscriber from all marketing emails of this business unit."
        )
    return gettext("Unsubscribes the subscriber from this mailing list only.")


def _facts(context: UnsubContext, unit: BusinessUnit | None) -> tuple[tuple[str, str], ...]:
    """Return the content of a link, and the call that it would lead to."""
    job = context.job
    facts = [
        (gettext("Business unit"), str(unit or context.mid)),
        (gettext("Subscriber"), mask(context.subscriber)),
        ("JobID", str(job.job_id or "-")),
        ("ListID", str(job.list_id or "-")),
        ("BatchID", "-" if job.batch_id is None else str(job.batch_id)),
        (gettext("Scope"), context.scope.value),
    ]
    if context.is_test:
        return tuple(facts)
    listed = unit.all_subscribers_list_id if unit else None
    called = [name for name, _ in context.parameters(all_subscribers_list_id=listed)]
    logs = "JobID" in called or "ListID" in called
    facts += [
        (gettext("LogUnsubEvent parameters"), ", ".join(called)),
        (
            gettext("UnsubEvent"),
            gettext("Tracked") if logs else gettext("Not tracked (master unsubscribe)"),
        ),
    ]
    return tuple(facts)
