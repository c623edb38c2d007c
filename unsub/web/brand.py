"""Brand of a business unit, as its pages show it. Neutral defaults where the database does not
answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Exists
from django.urls import reverse
from django.utils.translation import get_language, gettext

from unsub.domain.context import UnsubContext
from unsub.domain.contrast import Palette, palettes
from unsub.infra import metrics
from unsub.infra.database_timeout import fail_fast
from unsub.infra.kept import Kept
from unsub.models import (
    AddressGuard,
    BusinessUnit,
    DarkLogo,
    Logo,
    MailingList,
    MailingListText,
    PageText,
    PauseEndAction,
    Place,
    Reason,
    ReasonLabel,
    ReasonsAsked,
    UnsubscribeReach,
)
from unsub.preferences import standard_texts
from unsub.preferences.offered_lists import OwnList

from .forms import ReasonChoice

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A logo: the digest in its URL, and its size in CSS pixels. `data` is its URL where it is not
    stored yet."""

    content_digest: str
    width: int
    height: int
    data: str = ""

    @property
    def url(self) -> str:
        """The URL of the image."""
        return self.data or reverse("unsub:logo", args=(self.content_digest,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """Brand and settings of a unit that its pages depend on.

    `all_subscribers` is None where the unit was not read; `has_sisters`: there are other units.
    `asks_below`: reasons are asked below the button,
    too. `reasons` is None where the database did not answer. `texts` maps (language, place) to the
    unit's own text.
    """

    mid: int | None = None
    unit_name: str = ""
    contact_email: str = ""
    legal_url: str = ""
    privacy_url: str = ""
    language: str = ""
    # Of the email's list.
    list_id: int | None = None
    lists: Mapping[int, OwnList] = field(default_factory=dict)
    accent: str = ""
    logo: Picture | None = None
    dark_logo: Picture | None = None
    time_zone: str = "UTC"
    asks_below: bool = True
    lost_link_form: bool = False
    profile_centre: bool = False
    profile_days: int = 90
    profile_details: bool = False
    any_alphabet: bool = False
    confirms_joining: bool = False
    changes_address: bool = False
    asks_former_address: bool = False
    tells_former_address: bool = False
    protects_details: bool = True
    hold_hours: int = 0
    mails_links: bool = False
    all_subscribers: frozenset[int] | None = None
    reach: str = ""
    has_sisters: bool = False
    offers_pause: bool = False
    puts_back: bool = False
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    reasons: tuple[ReasonChoice, ...] | None = None

    def with_picture(self, name: str, picture: Picture | None) -> "Brand":
        """Return the brand with another `logo` or `dark_logo`."""
        if name == "logo":
            return replace(self, logo=picture)
        return replace(self, dark_logo=picture)

    @property
    def palettes(self) -> tuple[Palette, Palette] | None:
        """The brand's colours for light and dark mode, or None where no accent colour is set."""
        return palettes(self.accent) if self.accent else None

    @property
    def sisters_are_spared(self) -> bool:
        """Whether other business units go on after an unsubscribe from everything."""
        return self.reach == UnsubscribeReach.UNIT

    @property
    def sisters_are_covered(self) -> bool:
        """Whether there are other business units, and an unsubscribe from everything covers
        them."""
        return self.reach == UnsubscribeReach.ENTERPRISE and self.has_sisters

    @property
    def is_unread(self) -> bool:
        """Whether the unit's settings are unknown because the database did not answer."""
        return self.reasons is None

    @property
    def name(self) -> str:
        """The brand's name, or a translated placeholder."""
        return self.unit_name or gettext("this sender")

    @property
    def list_name(self) -> str:
        """The unit's name for the email's list, in the language of the page, or ""."""
        own = self.lists.get(self.list_id) if self.list_id is not None else None
        return own.name_in(get_language() or "") if own else ""

    @property
    def intro(self) -> str:
        """The unit's text above the button, in the language of the page."""
        return self._text(Place.INTRO)

    @property
    def question(self) -> str:
        """The unit's question for the reason, in the language of the page."""
        return self._text(Place.QUESTION)

    @property
    def farewell(self) -> str:
        """The unit's text after an unsubscribe, in the language of the page."""
        return self._text(Place.DONE)

    @property
    def footer(self) -> str:
        """The unit's text at the foot of the page, in the language of the page; else in the unit's
        language, because an imprint is required by law in every language."""
        return self._text(Place.FOOTER) or self.texts.get((self.language, Place.FOOTER), "")

    @property
    def consent(self) -> str:
        """The text that a person agrees to by subscribing, in the language of the page."""
        return self._text(Place.CONSENT) or standard_texts.consent(self.name)

    def _text(self, place: Place) -> str:
        return self.texts.get((get_language() or "", place), "")


# A marketer's change shows after this time at the latest.
KEPT_FOR = 2.0  # seconds
_kept: Kept[int, tuple[Brand, Mapping[int | None, Brand]]] = Kept(seconds=KEPT_FOR)
_kept_by_host: Kept[str, Brand] = Kept(seconds=KEPT_FOR)


def find_brand(context: UnsubContext) -> Brand:
    """Return the brand of the unit in a link, with the name of the email's list if the unit named
    it.

    An unknown MID is a configuration error, not the reader's: it is counted and logged, and the
    page is shown without a name. Does not raise where the database does not answer. Kept for
    KEPT_FOR.
    """
    mid = context.mid
    try:
        brand, with_list = _kept(mid, lambda: _read(mid))
    except (DatabaseError, InterfaceError) as err:
        log.warning("page_rendered_without_database", mid=mid, error=type(err).__name__)
        return Brand()
    if brand.mid is None:
        _report_unknown_unit(mid)
    return with_list.get(context.job.list_id, brand)


def _read(mid: int) -> tuple[Brand, Mapping[int | None, Brand]]:
    """Return the brand of a unit, without a MID where there is no such unit; and the same with the
    name of each list that the unit has named. Raises DatabaseError, InterfaceError."""
    with fail_fast():
        sisters = BusinessUnit.objects.order_by().exclude(mid=mid)
        found = BusinessUnit.objects.annotate(has_sisters=Exists(sisters)).filter(mid=mid)
        unit = found.first()
        reasons = _choices(mid)
        if unit is None:
            return Brand(reasons=reasons), {}
        brand = _brand(
            unit, reasons=reasons, has_sisters=unit.has_sisters, lists=_own_lists(unit.mid)
        )
        return brand, {number: replace(brand, list_id=number) for number in brand.lists}


def with_texts(brand: Brand, *, language: str, drafted: Mapping[str, str]) -> Brand:
    """Return the brand with texts of one language replaced by `drafted` (place to text)."""
    texts = dict(brand.texts)
    texts |= {(language, place): text for place, text in drafted.items()}
    return replace(brand, texts=texts)


def drafted_brand(unit: BusinessUnit, brand: Brand) -> Brand:
    """Return the brand of a unit with its unsaved settings, and with the reasons and lists of
    `brand`."""
    drafted = _brand(unit, reasons=brand.reasons, has_sisters=brand.has_sisters, lists=brand.lists)
    return replace(drafted, list_id=brand.list_id)


def find_host_brand(host: str) -> Brand:
    """Return the brand of the unit whose own domain this is, else of the deployment's only unit,
    else the default. For requests without a valid link. Raises DatabaseError, InterfaceError."""
    before, _, port = host.rpartition(":")
    name = before if port.isdecimal() else host
    return _kept_by_host(name, lambda: _read_by_host(name))


def _read_by_host(name: str) -> Brand:
    with fail_fast():
        unit = BusinessUnit.objects.filter(domain=name).first() if name else None
        if unit is None:
            units = list(BusinessUnit.objects.order_by()[:2])
            unit = units[0] if len(units) == 1 else None
        return _brand(unit) if unit else Brand()


def find_unit_brand(mid: int) -> Brand | None:
    """Return the brand of a unit, or None where there is no such unit. Raises DatabaseError,
    InterfaceError."""
    brand, _ = _kept(mid, lambda: _read(mid))
    return brand if brand.mid is not None else None


def _brand(
    unit: BusinessUnit,
    *,
    reasons: tuple[ReasonChoice, ...] | None = None,
    has_sisters: bool = False,
    lists: Mapping[int, OwnList] | None = None,
) -> Brand:
    texts = PageText.objects.filter(unit=unit).values_list("language", "place", "text")
    return Brand(
        mid=unit.mid,
        unit_name=unit.name,
        contact_email=unit.contact_email,
        legal_url=unit.legal_url,
        privacy_url=unit.privacy_url,
        language=unit.language,
        accent=unit.accent,
        logo=_picture(Logo, unit),
        dark_logo=_picture(DarkLogo, unit),
        time_zone=unit.time_zone,
        asks_below=unit.reasons_asked == ReasonsAsked.BELOW,
        lost_link_form=unit.lost_link_form,
        texts={(language, place): text for language, place, text in texts.order_by()},
        profile_centre=unit.profile_centre,
        profile_days=unit.profile_days,
        profile_details=unit.profile_details,
        any_alphabet=unit.unicode_attributes,
        confirms_joining=bool(unit.confirm_key),
        changes_address=unit.changes_address,
        asks_former_address=unit.address_guard == AddressGuard.ASKED,
        tells_former_address=unit.address_guard == AddressGuard.TOLD,
        protects_details=unit.protects_details,
        hold_hours=unit.address_hold_hours,
        mails_links=unit.mails_links,
        all_subscribers=unit.all_subscribers_list_ids,
        reach=unit.unsubscribe_reach,
        has_sisters=has_sisters,
        offers_pause=unit.offers_pause,
        puts_back=unit.pause_end_action == PauseEndAction.PUT_BACK,
        reasons=reasons,
        lists=lists or {},
    )


def _own_lists(mid: int) -> dict[int, OwnList]:
    """Return what a unit says of its lists, by ListID, with all their translations."""
    rows = list(MailingList.objects.filter(unit_id=mid).order_by("position", "name"))
    texts: dict[int, dict[str, tuple[str, str]]] = {}
    for text in MailingListText.objects.filter(mailing_list__unit_id=mid).order_by():
        by_language = texts.setdefault(text.mailing_list_id, {})
        by_language[text.language] = (text.name, text.description)
    return {
        row.list_id: OwnList(
            name=row.name,
            description=row.description,
            offered=row.offered,
            position=row.position,
            texts=texts.get(row.pk, {}),
        )
        for row in rows
    }


def _picture(model: type[Logo | DarkLogo], unit: BusinessUnit) -> Picture | None:
    """Return a unit's picture, or None."""
    found = model.objects.filter(unit=unit).values("content_digest", "width", "height").first()
    return Picture(**found) if found else None


def _choices(mid: int) -> tuple[ReasonChoice, ...]:
    """Return the reasons that a unit offers, with all their translations."""
    reasons = list(Reason.objects.offered_to(mid))
    labels: dict[int, dict[str, str]] = {}
    for label in ReasonLabel.objects.filter(reason__in=reasons).order_by():
        labels.setdefault(label.reason_id, {})[label.language] = label.label
    return tuple(
        ReasonChoice(
            code=reason.code,
            label=reason.label,
            asks_text=reason.asks_text,
            labels=labels.get(reason.pk, {}),
        )
        for reason in reasons
    )


def _report_unknown_unit(mid: int) -> None:
    """Report a MID without a business unit. Not for SFMC_ACCOUNT_ID, whose unit is created on
    delivery."""
    if mid != settings.SFMC_ACCOUNT_ID:
        metrics.UNKNOWN_UNITS.inc()
        log.error("unknown_unit_page_shown", mid=mid)
