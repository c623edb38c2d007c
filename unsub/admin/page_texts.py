"""Editor of a unit's own texts per language, with a preview of the page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from unsub.domain.text import clean_lines
from unsub.models import BusinessUnit, PageText, Place
from unsub.models.page_text import LENGTH

from .bulk_actions import actor

_HELP = {
    Place.CONSENT: _(
        "Saved with each subscription. If you change it, a new version is "
        "created. Existing subscribers keep the version they agreed to. If "
        "empty, the default text shown here is used."
    ),
}


class TextsForm(forms.Form):
    """A field for each place. Empty: the page's default text, or none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place in Place:
            self.fields[place.value] = forms.CharField(
                label=place.label,
                help_text=_HELP.get(place, ""),
                required=False,
                max_length=LENGTH,
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "maxlength": LENGTH}),
            )

    def save(self, unit: BusinessUnit, language: str) -> None:
        """Store the texts; empty ones are deleted."""
        for place in Place:
            text = clean_lines(self.cleaned_data[place.value])
            if text:
                PageText.objects.bulk_create(
                    [PageText(unit=unit, language=language, place=place, text=text)],
                    update_conflicts=True,
                    unique_fields=["unit", "language", "place"],
                    update_fields=["text"],
                )
            else:
                PageText.objects.filter(unit=unit, language=language, place=place).delete()


class LanguageForm(forms.Form):
    """The language to edit."""

    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, widget=UnfoldAdminSelectWidget
    )


def edit_texts(
    request: HttpRequest, unit: BusinessUnit, *, context: dict[str, Any], back: str
) -> HttpResponse:
    """Return the page to edit the texts of one language, or a redirect after saving. `back` is its
    URL."""
    language = request.GET.get("language", "")
    if language not in dict(settings.LANGUAGES):
        language = unit.language
    form = _form(request, unit, language)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save(unit, language)
            note = f"Texts in {language} changed."
            LogEntry.objects.log_actions(actor(request.user), [unit], CHANGE, note)
        messages.success(request, gettext("Texts saved. They’re live now."))
        return HttpResponseRedirect(f"{back}?language={language}")
    more = {
        "title": gettext("Page texts: %s") % unit.name,
        "unit": unit,
        "form": form,
        "language": language,
        "language_form": LanguageForm(initial={"language": language}),
        "pages": (
            ("choose", _("Unsubscribe page")),
            ("done", _("Confirmation page")),
            ("centre", _("Email preferences")),
            ("lost", _("Link that doesn’t work")),
        ),
    }
    return TemplateResponse(request, "admin/unsub/businessunit/texts.html", context | more)


def _form(request: HttpRequest, unit: BusinessUnit, language: str) -> TextsForm:
    """Return the form with the submitted or the stored texts."""
    if request.method == "POST":
        return TextsForm(request.POST)
    written = PageText.objects.filter(unit=unit, language=language)
    return TextsForm(initial=dict(written.values_list("place", "text")))
