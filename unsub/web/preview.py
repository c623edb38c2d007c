"""Preview of the recipients' pages with unsaved texts and settings, for marketers."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.models import BusinessUnit, MailingList, Place, Reason
from unsub.models.page_text import LENGTH
from unsub.units.access import units_of

from .brand import Brand, find_brand, with_texts
from .confirmation import done_context
from .forms import ReasonChoice, ReasonForm
from .http import page
from .lost_link import lost_link_context
from .page_context import PageContext
from .preview_sample import sample
from .preview_unit import with_unit
from .signed_link import Link
from .status import RequestStatus

LABELS_MAX = 32  # more than there are languages
# A preview cannot submit anything, and may be shown in a frame of the admin.
_HARMLESS = (
    ("form-action 'self'", "form-action 'none'"),
    ("frame-ancestors 'none'", "frame-ancestors 'self'"),
)


@staff_member_required
@xframe_options_sameorigin
@require_POST
def preview(request: HttpRequest, mid: int) -> HttpResponse:
    """Return a page of the unit with the submitted texts: `choose`, `done`, `centre` or `lost`.

    403 without permission to change the unit, 404 where the user may not see it.
    """
    unit = get_object_or_404(units_of(request.user), mid=mid)
    if not request.user.has_perm("unsub.change_businessunit"):
        raise PermissionDenied
    # In the unit's own form `language` is its default language.
    language = request.POST.get("preview_language") or request.POST.get("language", "")
    language = language if language in dict(settings.LANGUAGES) else unit.language
    drafted = {
        place.value: request.POST[place.value][:LENGTH]
        for place in Place
        if place.value in request.POST
    }
    context = _sample(unit)
    brand = with_unit(find_brand(context), unit, request.POST, request.FILES, request.user)
    brand = with_texts(brand, language=language, drafted=drafted)
    brand = _with_reason(brand, request.POST)
    with translation.override(language):
        answer = _render(request.POST.get("page", ""), context, brand, language)
    for before, after in _HARMLESS:
        policy = answer["Content-Security-Policy"]
        answer["Content-Security-Policy"] = policy.replace(before, after)
    answer["Cache-Control"] = "no-store"
    return answer


def _with_reason(brand: Brand, posted: QueryDict) -> Brand:
    """Return the brand with the reason of the admin's form at its position, if the form is about a
    reason and offers it."""
    code, label = posted.get("code", ""), posted.get("label", "")
    if not code or not label:
        return brand
    languages = (posted.get(f"labels-{number}-language", "") for number in range(LABELS_MAX))
    labels = (posted.get(f"labels-{number}-label", "") for number in range(LABELS_MAX))
    draft = ReasonChoice(
        code=code,
        label=label,
        asks_text="asks_text" in posted,
        labels={one: text for one, text in zip(languages, labels, strict=True) if one and text},
    )
    reasons = [choice for choice in brand.reasons or () if choice.code != code]
    if "active" in posted:
        position = posted.get("position", "")
        before = Reason.objects.offered_to(brand.mid or 0).exclude(code=code)
        place = before.filter(position__lt=int(position)) if position.isdecimal() else before
        reasons.insert(place.count(), draft)
    return replace(brand, reasons=tuple(reasons))


def _sample(unit: BusinessUnit) -> UnsubContext:
    """Return a context with an invented subscriber."""
    named = MailingList.objects.filter(unit=unit, missing_since=None)
    first = named.order_by("position", "name").values_list("list_id", flat=True).first()
    return UnsubContext(
        mid=unit.mid,
        subscriber=SubscriberContext(email_address="ada@example.com", subscriber_key="ada"),
        job=JobContext(job_id=1, list_id=first or 1),
        scope=Scope.LIST,
    )


def _render(which: str, context: UnsubContext, brand: Brand, language: str) -> HttpResponse:
    if which == "lost":
        return page("unsub/link_invalid.html", lost_link_context(brand))
    link = Link(token="preview", context=context, signed=context)  # noqa: S106 - not a secret: it opens nothing
    page_context = PageContext(link=link, brand=brand, language=language)
    known: dict[str, Any] = page_context.as_context() | {"languages": ()}
    if which == "done":
        status = RequestStatus(kind="done", since=timezone.now(), can_tell_why=True)
        done = done_context(page_context, status, ReasonForm(reasons=brand.reasons))
        return page("unsub/done.html", done | {"languages": ()})
    if which == "centre":
        return page("unsub/centre.html", known | sample(page_context))
    return page("unsub/choose_reason.html", known | {"form": ReasonForm(reasons=brand.reasons)})
