"""The lost-link form, for people whose link does not work: a marketer handles each entry."""

from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from unsub.infra.client_address import client_network
from unsub.outbox import api as outbox

from .brand import Brand, find_host_brand, find_unit_brand
from .forms import LostLinkForm
from .http import (
    Saved,
    SeeOther,
    TooLargeError,
    page,
    plain,
    read_form,
    saved_nothing,
    too_many,
    unavailable,
)
from .kept_pages import kept_page
from .language import LANGUAGE, choose_language, chosen_language, language_items

UNIT = "unit"  # field of the form: the unit, signed
_signer = Signer(salt="unsub.lost_link")


# There is no session that a forged request could use.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def lost_link(request: HttpRequest) -> HttpResponse:
    """Return the form, or the same response to every valid address, so that it reveals nothing
    about who is subscribed.

    404 where neither the host nor the form identifies a unit, or the unit does not offer the form.
    429 above the
    limits, 503 where the database does not answer.
    """
    try:
        brand, of_unit = _brand_of(request)
    except TooLargeError:
        return plain("Request body too large.", status=413)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return unavailable(saved=saved_nothing(request), has_link=False)
    language = choose_language(request, unit=brand.language)
    with translation.override(language):
        if brand.mid is None or not (brand.lost_link_form or of_unit):
            context = not_found_context(request, brand, language)
            return page("unsub/link_invalid.html", context, status=404)
        if request.method != "POST":
            was_kept = "kept" in request.GET
            context = lost_link_context(brand, chosen=chosen_language(request)) | {
                "was_kept": was_kept,
                "languages": language_items(language, "?kept=1" if was_kept else ""),
            }
            return page("unsub/lost_link.html", context)
        return _take(request, brand, brand.mid)


def _brand_of(request: HttpRequest) -> tuple[Brand, bool]:
    """Return the brand, and whether the form names its unit, as on the page of a link whose claims
    cannot be used. Raises TooLargeError, DatabaseError, InterfaceError."""
    if request.method == "POST" and (text := read_form(request).get(UNIT, "")):
        try:
            brand = find_unit_brand(int(_signer.unsign(text)))
        except BadSignature:
            brand = None
        if brand is not None:
            return brand, True
    return find_host_brand(request.get_host()), False


def _take(request: HttpRequest, brand: Brand, mid: int) -> HttpResponse:
    try:
        form = LostLinkForm(read_form(request))
    except TooLargeError:
        return plain("Request body too large.", status=413)
    if not form.is_valid():
        context = lost_link_context(brand, form, chosen=chosen_language(request))
        return page("unsub/lost_link.html", context, status=422)
    try:
        wait = outbox.report_lost_link(
            mid=mid,
            address=form.cleaned_data["email_address"],
            client=client_network(request),
            language=translation.get_language() or "",
        )
    except (DatabaseError, InterfaceError):
        return unavailable({"brand": brand}, saved=Saved.NOTHING, has_link=False)
    if wait:
        return too_many({"brand": brand}, wait)
    return SeeOther(_url(chosen_language(request), kept=True))


def not_found_context(request: HttpRequest, brand: Brand, language: str) -> dict[str, Any]:
    """Return the template context for a path that is no page of ours."""
    known = lost_link_context(brand, chosen=chosen_language(request))
    return known | {"problem": "not_found", "languages": language_items(language, "")}


def link_invalid(
    brand: Brand, *, problem: str, languages: str, chosen: str = "", of_unit: bool = False
) -> HttpResponse:
    """Return the page for a bad link (404), with the form where the unit offers it. `chosen` and
    `of_unit`: as for `lost_link_context`."""
    known = lost_link_context(brand, chosen=chosen, of_unit=of_unit)
    form = known.pop("form", None)
    return kept_page(
        "unsub/link_invalid.html",
        known | {"has_form": form is not None, "problem": problem, "languages": languages},
        own=("signed_unit",) if of_unit else (),
        more=lambda: {"form": form},
        status=404,
    )


def lost_link_context(
    brand: Brand, form: LostLinkForm | None = None, *, chosen: str = "", of_unit: bool = False
) -> dict[str, Any]:
    """Return the template context; without `form` where the unit does not offer it. `chosen`: the
    language chosen on the page, which the answer to the form has, too. `of_unit`: a good signature
    names the unit, whose form is then offered in any case and under any host."""
    known: dict[str, Any] = {"brand": brand, "lost_link_url": _url(chosen)}
    if brand.lost_link_form or of_unit:
        known["form"] = form or LostLinkForm()
    if of_unit:
        known["signed_unit"] = _signer.sign(str(brand.mid))
    return known


@cache
def _url(chosen: str, *, kept: bool = False) -> str:
    """Return the URL of the form, or of the page behind it (`kept`), in a chosen language."""
    query = urlencode(({"kept": "1"} if kept else {}) | ({LANGUAGE: chosen} if chosen else {}))
    path = reverse("unsub:lost_link")
    return f"{path}?{query}" if query else path
