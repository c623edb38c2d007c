"""What a business unit still needs before its emails link here, from stored state alone."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db.models import Q

from unsub.models import (
    BusinessUnit,
    By,
    Channel,
    DailyCount,
    Logo,
    PageText,
    Place,
    Reason,
)
from unsub.models.import_state import import_of
from unsub.models.mailing_list import NO_RIGHT, catalogue_of
from unsub.models.queue_state import queue_of


class Gap(StrEnum):
    """Something that a unit lacks, the most urgent first."""

    LINK_KEY = "link_key"
    CONNECTION = "connection"
    RIGHTS = "rights"
    HELD = "held"
    IMPORT = "import"
    NAME = "name"
    CONTACT = "contact"
    REASONS = "reasons"
    ALARMS = "alarms"
    ONE_CLICK = "one_click"
    ALL_SUBSCRIBERS = "all_subscribers"
    NEW_LINK = "new_link"
    LOGO = "logo"
    LEGAL = "legal"
    PRIVACY = "privacy"
    TEXTS = "texts"


# Without these, requests fail, or people who need help find none.
ESSENTIAL = frozenset(
    {
        Gap.LINK_KEY, Gap.CONNECTION, Gap.RIGHTS, Gap.HELD, Gap.IMPORT, Gap.NAME, Gap.CONTACT,
        Gap.REASONS, Gap.ALARMS,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """What is known of a unit. `read_error` is the error of the last read of its lists; `written`
    are the (language, place) of its own texts."""

    name: str = ""
    mid: int = 0
    language: str = "en"
    contact_email: str = ""
    legal_url: str = ""
    privacy_url: str = ""
    has_logo: bool = False
    has_reasons: bool = False
    has_link_key: bool = False
    has_alarm_recipients: bool = False
    knows_all_subscribers: bool = False
    was_read: bool = False
    read_error: str = ""
    import_error: str = ""
    is_held: bool = False
    had_one_click: bool = False
    lacks_new_link: bool = False
    written: frozenset[tuple[str, str]] = frozenset()


def gaps(facts: UnitFacts) -> tuple[Gap, ...]:
    """Return what a unit lacks, the most urgent first. Asks nobody."""
    lacks = {
        Gap.LINK_KEY: not facts.has_link_key,
        Gap.CONNECTION: not facts.was_read and facts.read_error != NO_RIGHT,
        Gap.RIGHTS: facts.read_error == NO_RIGHT,
        Gap.HELD: facts.is_held,
        Gap.IMPORT: bool(facts.import_error),
        Gap.NAME: facts.name.strip() in {"", str(facts.mid), f"Business unit {facts.mid}"},
        Gap.CONTACT: not facts.contact_email,
        Gap.REASONS: not facts.has_reasons,
        Gap.ALARMS: not facts.has_alarm_recipients,
        Gap.ONE_CLICK: not facts.had_one_click,
        Gap.ALL_SUBSCRIBERS: not facts.knows_all_subscribers,
        Gap.NEW_LINK: facts.lacks_new_link,
        Gap.LOGO: not facts.has_logo,
        Gap.LEGAL: not facts.legal_url,
        Gap.PRIVACY: not facts.privacy_url,
        Gap.TEXTS: bool(incomplete_languages(facts.language, facts.written)),
    }
    return tuple(gap for gap in Gap if lacks[gap])


def incomplete_languages(base: str, written: Collection[tuple[str, str]]) -> list[str]:
    """Return the languages with some texts of the unit's own, but without one that its default
    language has. A footer counts as written everywhere: every page shows that of the default
    language."""
    needed = {place for language, place in written if language == base} - {Place.FOOTER.value}
    begun = {language for language, _ in written} - {base}
    return sorted(one for one in begun if any((one, place) not in written for place in needed))


def facts_of(units: Iterable[BusinessUnit]) -> dict[int, UnitFacts]:
    """Return what is known of each unit, by MID, in four queries, whatever their number. The units
    have to be read with `queue_state`, `import_state` and `catalogue_state`. Makes no call."""
    found = {unit.mid: unit for unit in units}
    logos = set(Logo.objects.filter(unit__in=found).values_list("unit_id", flat=True))
    offering = set(
        Reason.objects.filter(Q(unit__in=found) | Q(unit=None), active=True)
        .order_by().values_list("unit_id", flat=True).distinct()
    )  # fmt: skip
    one_clicks = set(
        DailyCount.objects.filter(mid__in=found, by=By.CHANNEL, key=Channel.ONE_CLICK)
        .order_by().values_list("mid", flat=True).distinct()
    )  # fmt: skip
    written: dict[int, set[tuple[str, str]]] = {}
    for mid, language, place in (
        PageText.objects.filter(unit__in=found).order_by().values_list("unit", "language", "place")
    ):
        written.setdefault(mid, set()).add((language, place))
    return {
        mid: _facts(
            unit,
            has_logo=mid in logos,
            has_reasons=mid in offering or None in offering,
            had_one_click=mid in one_clicks,
            written=written,
        )
        for mid, unit in found.items()
    }


def _facts(
    unit: BusinessUnit,
    *,
    has_logo: bool,
    has_reasons: bool,
    had_one_click: bool,
    written: Mapping[int, set[tuple[str, str]]],
) -> UnitFacts:
    catalogue, queue = catalogue_of(unit), queue_of(unit)
    return UnitFacts(
        name=unit.name,
        mid=unit.mid,
        language=unit.language,
        contact_email=unit.contact_email,
        legal_url=unit.legal_url,
        privacy_url=unit.privacy_url,
        has_logo=has_logo,
        has_reasons=has_reasons,
        has_link_key=settings.LINK_KEYRING.has_key(unit.mid),
        has_alarm_recipients=bool(settings.ADMINS or settings.ALERT_WEBHOOK_URL),
        knows_all_subscribers=bool(unit.all_subscribers_list_ids),
        was_read=catalogue.read_at is not None,
        read_error=catalogue.error,
        import_error=import_of(unit).error if unit.import_events else "",
        is_held=queue.is_held,
        had_one_click=had_one_click,
        lacks_new_link=unit.profile_centre and unit.protects_details and not unit.mails_links,
        written=frozenset(written.get(unit.mid, ())),
    )
