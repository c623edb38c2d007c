"""Editor of a unit's own texts per language, with a preview of the page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from unsub.domain.text import clean_lines
from unsub.models import BusinessUnit, PageText, Place
from unsub.models.page_text import LENGTH
from unsub.preferences import standard_texts

from .bulk_actions import actor

_HELP = {
    Place.CONSENT: _(
        "Saved with each subscription. If you change it, a new version is "
        "created. Existing subscribers keep the version they agreed to. If "
        "empty, the default text shown here is used."
    ),
}


# The pages of which there is a preview.
PAGES = (
    ("choose", _("Unsubscribe page")),
    ("done", _("Confirmation page")),
    ("centre", _("Email preferences")),
    ("lost", _("Link that doesn’t work")),
)


class TextsForm(forms.Form):
    """A field for each place. Empty: the page's default text, or none."""

    def __init__(self, *args: Any, unit: BusinessUnit, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unit, self._language = unit, language
        for place in Place:
            standard = standard_texts.standard_text(place, language, unit.name)
            self.fields[place.value] = forms.CharField(
                label=place.label,
                help_text=_HELP.get(place, ""),
                required=False,
                max_length=LENGTH,
                widget=UnfoldAdminTextareaWidget(
                    attrs={"rows": 3, "maxlength": LENGTH, "placeholder": standard}
                ),
            )

    def save(self) -> None:
        """Store the texts; empty ones are deleted, and those that did not change stay as they
        are."""
        own = PageText.objects.filter(unit=self._unit, language=self._language)
        stored = dict(own.values_list("place", "text"))
        for place in Place:
            text = clean_lines(self.cleaned_data[place.value])
            if not text:
                own.filter(place=place).delete()
            elif text != stored.get(place.value):
                self._store(place, text)

    def _store(self, place: Place, text: str) -> None:
        digest = standard_texts.standard_digest(place, self._language)
        PageText.objects.bulk_create(
            [
                PageText(
                    unit=self._unit,
                    language=self._language,
                    place=place,
                    text=text,
                    changed_at=Now(),
                    standard_digest=digest,
                )
            ],
            update_conflicts=True,
            unique_fields=["unit", "language", "place"],
            update_fields=["text", "changed_at", "standard_digest"],
        )


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
    copied = request.GET.get("copy_from", "")
    form = _form(request, unit, language, copied)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            note = f"Texts in {language} changed."
            LogEntry.objects.log_actions(actor(request.user), [unit], CHANGE, note)
        messages.success(request, gettext("Texts saved. They’re live now."))
        return HttpResponseRedirect(f"{back}?language={language}")
    more = {
        "title": gettext("Page texts: %s") % unit.name,
        "unit": unit,
        "form": form,
        "language": language,
        "copied": dict(settings.LANGUAGES).get(copied, ""),
        "language_form": LanguageForm(initial={"language": language}),
        "pages": PAGES,
    }
    return TemplateResponse(request, "admin/unsub/businessunit/texts.html", context | more)


def _form(request: HttpRequest, unit: BusinessUnit, language: str, copied: str) -> TextsForm:
    """Return the form with the submitted or the stored texts; in empty fields with those of the
    language `copied`, which are not stored."""
    if request.method == "POST":
        return TextsForm(request.POST, unit=unit, language=language)
    texts: dict[str, dict[str, str]] = {}
    written = PageText.objects.filter(unit=unit, language__in=(language, copied))
    for one in written:
        texts.setdefault(one.language, {})[one.place] = one.text
    initial = texts.get(copied, {}) | texts.get(language, {})
    return TextsForm(initial=initial, unit=unit, language=language)
