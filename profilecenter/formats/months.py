"""The names of the months, for the catalogues: in some languages Django's own do not fit a sentence
(a capital in Italian and Portuguese, misspelt in Hindi). Ours take precedence (LOCALE_PATHS)."""

from django.utils.translation import gettext_noop as _

MONTHS = (
    _("January"), _("February"), _("March"), _("April"), _("May"), _("June"), _("July"),
    _("August"), _("September"), _("October"), _("November"), _("December"),
)  # fmt: skip
