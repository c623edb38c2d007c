"""A business unit of Marketing Cloud: the sender of emails."""

import re
import zoneinfo
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.http.request import validate_host
from django.utils.translation import gettext_lazy as _

from unsub.domain.contrast import is_colour, readable

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MID_MAX = 2**31 - 1
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def validate_colour(text: str) -> None:
    """Raise ValidationError for a text that is not a colour, or a colour on which white text is
    unreadable; the message names the nearest readable colour."""
    if not is_colour(text):
        raise ValidationError(_("Enter a color, like #1d4f91"))
    if (near := readable(text)) != text:
        raise ValidationError(_("White text isn’t readable on this color (WCAG AA). Try %s") % near)


def validate_domain(text: str) -> None:
    """Raise ValidationError for a text that is not a host name, or a host that is not in
    ALLOWED_HOSTS."""
    if not _HOST.fullmatch(text):
        raise ValidationError(_("Enter a host name in lowercase, like mail.example.com"))
    if not validate_host(text, settings.ALLOWED_HOSTS):
        raise ValidationError(
            _("This host name isn’t allowed yet. Ask your operator to add it to ALLOWED_HOSTS")
        )


class UnsubscribeReach(models.TextChoices):
    """How far an unsubscribe from everything goes: the Unsubscribe Settings of the business unit in
    Marketing Cloud."""

    ENTERPRISE = "enterprise", _("all business units of the enterprise")
    UNIT = "unit", _("this business unit only")


def validate_https(url: str) -> None:
    """Raise ValidationError for a URL that is not https, or that contains a user name."""
    words = _("Enter a URL that starts with https://")
    URLValidator(schemes=("https",), message=words)(url)
    if "@" in urlsplit(url).netloc:
        raise ValidationError(words)


def validate_time_zone(name: str) -> None:
    """Raise ValidationError for a text that is not the name of a time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("Enter a time zone, like Europe/Berlin"))


class ReasonsAsked(models.TextChoices):
    """Where the page asks for the reason of an unsubscribe. It is optional in either place."""

    BELOW = "below", _("below the button")
    AFTER = "after", _("after unsubscribing only")


class TokenBy(models.TextChoices):
    """Which token the calls for a unit carry."""

    PARENT = "parent", _("the deployment’s token; each call names the business unit")
    OWN = "own", _("the business unit’s own token")


class PauseEndAction(models.TextChoices):
    """What happens when a pause is over."""

    ASK = "ask", _("ask by email whether to restart")
    PUT_BACK = "put_back", _("resubscribe automatically")


class AddressGuard(models.TextChoices):
    """What the address on file has to do with a change of address in the profile centre."""

    TOLD = "told", _("told, and can undo the change")
    ASKED = "asked", _("asked first")
    NONE = "none", _("not told")


def _triggered_send(name: "_StrPromise", help_text: "_StrPromise") -> "models.CharField[str, str]":
    """Return a field for the customer key of a triggered send definition."""
    return models.CharField(name, max_length=36, blank=True, db_default="", help_text=help_text)


class BusinessUnit(models.Model):
    """One business unit, identified by its MID, with its brand and settings. Its queue:
    QueueState; its import of events: ImportState."""

    mid = models.BigIntegerField(
        _("MID"),
        primary_key=True,
        validators=[MinValueValidator(1), MaxValueValidator(MID_MAX)],
        help_text=_(
            "Member ID of the business unit. In Marketing Cloud, go to Setup > Business Units."
        ),
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("Brand name as recipients know it.")
    )
    language = models.CharField(
        _("default language"),
        max_length=10,
        default="en",
        help_text=_("For recipients whose browser asks for none of the languages of the pages."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=40,
        default="UTC",
        db_default="UTC",
        validators=[validate_time_zone],
        help_text=_(
            "Of the times and dates on your pages, and of the days of the "
            "overview, like Europe/Berlin. After a change, all days are counted "
            "again in the background, the newest first."
        ),
    )
    contact_email = models.EmailField(
        _("contact email"),
        blank=True,
        help_text=_("Shown to recipients who need help."),
    )
    legal_url = models.CharField(
        _("legal notice"),
        max_length=300,
        blank=True,
        db_default="",
        validators=[validate_https],
        help_text=_(
            "Link at the foot of every page: Legal notice, in the language of the page. In some "
            "countries the law requires it."
        ),
    )
    privacy_url = models.CharField(
        _("privacy policy"),
        max_length=300,
        blank=True,
        db_default="",
        validators=[validate_https],
        help_text=_("Link at the foot of every page: Privacy, in the language of the page."),
    )
    accent = models.CharField(
        _("button color"),
        max_length=7,
        blank=True,
        validators=[validate_colour],
        help_text=_("Hex code, like #1d4f91. White text must be readable on it."),
    )
    domain = models.CharField(
        _("custom domain"),
        max_length=253,
        blank=True,
        validators=[validate_domain],
        help_text=_(
            "Host name that points to this server, like mail.example.com. Used "
            "for new links, and to show this brand when a link doesn’t work."
        ),
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("team members"),
        blank=True,
        related_name="units",
        help_text=_(
            "Who can see this business unit. Operators and administrators see all of them."
        ),
    )
    reasons_asked = models.CharField(
        _("reasons are asked"),
        max_length=10,
        choices=ReasonsAsked.choices,
        default=ReasonsAsked.BELOW,
        db_default=ReasonsAsked.BELOW,
        help_text=_(
            "Below the button of the unsubscribe page, or on the page after it. "
            "If no reason was given below the button, the page after it asks "
            "once more."
        ),
    )
    lost_link_form = models.BooleanField(
        _("unsubscribe form for broken links"),
        default=False,
        help_text=_(
            "If a link doesn’t work, ask for the email address. You find these "
            "under Manual requests. Nobody is unsubscribed automatically."
        ),
    )
    profile_centre = models.BooleanField(
        _("preference center"),
        default=False,
        db_default=False,
        help_text=_(
            "Page where recipients choose their mailing lists and edit their "
            "details (/p/…). The installed package needs List and Subscribers: "
            "Read, Write."
        ),
    )
    profile_days = models.PositiveSmallIntegerField(
        _("link validity (days)"),
        default=90,
        db_default=90,
        validators=[MinValueValidator(1)],
        help_text=_("Older links still unsubscribe, but don’t open the preference center."),
    )
    profile_details = models.BooleanField(
        _("show details"),
        default=True,
        db_default=True,
        help_text=_(
            "Shows viewable profile attributes. Recipients can edit the editable "
            "ones, and the email format."
        ),
    )
    unicode_attributes = models.BooleanField(
        _("allow all characters"),
        default=False,
        db_default=False,
        help_text=_(
            "Marketing Cloud documents only characters 32–254 for attributes. "
            "Turn this on if your account stores others, like Ł or 東."
        ),
    )
    confirm_key = _triggered_send(
        _("subscription confirmation email"),
        _(
            "Customer key of a triggered send. If set, recipients must confirm "
            "by email before they’re subscribed (double opt-in)."
        ),
    )
    confirm_address_key = _triggered_send(
        _("address confirmation email"),
        _(
            "Customer key of a triggered send. Sent to the new address. If empty, "
            "recipients can’t change their address."
        ),
    )
    address_notice_key = _triggered_send(
        _("email to the former address"),
        _(
            "Customer key of a triggered send. Sent to the address on file when "
            "it’s changed in the preference center: announces the change or asks "
            "for consent, as chosen below. If empty, recipients can change their "
            "address only if the former address isn’t told."
        ),
    )
    new_link_key = _triggered_send(
        _("new link email"),
        _(
            "Customer key of a triggered send. Offered when a link is too old "
            "for the preference center, and to recipients who want to see or "
            "edit their details."
        ),
    )
    ask_back_key = _triggered_send(
        _("pause ended email"),
        _("Customer key of a triggered send. Required if recipients are asked whether to restart."),
    )
    pause_offered = models.BooleanField(
        _("offer pause"),
        default=False,
        db_default=False,
        help_text=_(
            "Recipients can pause one mailing list, or all marketing emails, for 30, 60 or 90 days."
        ),
    )
    pause_end_action = models.CharField(
        _("when a pause ends"),
        max_length=10,
        choices=PauseEndAction.choices,
        default=PauseEndAction.ASK,
        db_default=PauseEndAction.ASK,
        help_text=_(
            "Asking needs the pause ended email. Whoever doesn’t answer stays unsubscribed."
        ),
    )
    protects_details = models.BooleanField(
        _("details only after an email"),
        default=True,
        db_default=True,
        help_text=_(
            "Emails get forwarded, and their links with them. If on, the "
            "preference center shows, changes and exports details only for one "
            "hour after the recipient opened a link sent to the address on file. "
            "Unsubscribing and mailing lists need no such link. Requires the new "
            "link email; without it, details stay hidden."
        ),
    )
    address_guard = models.CharField(
        _("when the address changes, the former one is"),
        max_length=5,
        choices=AddressGuard.choices,
        default=AddressGuard.TOLD,
        db_default=AddressGuard.TOLD,
        help_text=_(
            "The new address always has to be confirmed. Told: the former "
            "address gets an email with a link that restores it. Asked first: "
            "nothing changes until the former address agrees; recipients who "
            "lost it can’t change it here."
        ),
    )
    address_undo_days = models.PositiveSmallIntegerField(
        _("a change of address can be undone for (days)"),
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_(
            "After an undo, the address can’t be changed for the same time "
            "without a link sent to the address on file."
        ),
    )
    address_hold_hours = models.PositiveSmallIntegerField(
        _("no new links to a changed address for (hours)"),
        default=72,
        db_default=72,
        validators=[MaxValueValidator(168)],
        help_text=_(
            "New link emails wait this long after a change of address, so that "
            "the owner of the former address can undo it first. 0: no wait."
        ),
    )
    weekly_digest = models.BooleanField(
        _("weekly summary"),
        default=False,
        help_text=_(
            "Email to this business unit’s team every Monday: unsubscribes, reasons and comments."
        ),
    )
    subscriber_key_permission = models.BooleanField(
        _("SubscriberKey permission"),
        default=True,
        help_text=_(
            "If your account has this permission, an email address alone "
            "doesn’t identify a subscriber (error 404)."
        ),
    )
    all_subscribers_list_id = models.BigIntegerField(
        _("All Subscribers ListID"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "If set, unsubscribes from all marketing emails are tracked against "
            "the send. If empty, they work but aren’t tracked. The page knows "
            "this list even without it, once it was read from Marketing Cloud."
        ),
    )
    # Read from Marketing Cloud by a task: the list of Type Master.
    found_all_subscribers_list_id = models.BigIntegerField(
        _("All Subscribers list ID, as read"), null=True, blank=True, editable=False
    )
    all_subscribers_checked_at = models.DateTimeField(
        _("All Subscribers list read at"), null=True, blank=True, editable=False
    )
    unsubscribe_reach = models.CharField(
        _("unsubscribing from all marketing emails covers"),
        max_length=10,
        choices=UnsubscribeReach.choices,
        default=UnsubscribeReach.ENTERPRISE,
        db_default=UnsubscribeReach.ENTERPRISE,
        help_text=_(
            "Set it as in the Unsubscribe Settings of the business unit in "
            "Marketing Cloud. The page tells recipients whether your other "
            "brands can still email them."
        ),
    )
    token_by = models.CharField(
        _("token"),
        max_length=10,
        choices=TokenBy.choices,
        default=TokenBy.PARENT,
        db_default=TokenBy.PARENT,
        help_text=_(
            "If Marketing Cloud rejects calls for this business unit, use a "
            "token for its own MID. The installed package must be available to "
            "the business unit."
        ),
    )
    import_events = models.BooleanField(
        _("import unsubscribes from Marketing Cloud"),
        default=False,
        db_default=False,
        help_text=_(
            "Every 15 minutes, imports unsubscribes that happened in Marketing "
            "Cloud itself. The installed package needs Tracking Events: Read, "
            "and List and Subscribers: Read."
        ),
    )

    retention_days = models.PositiveSmallIntegerField(
        _("keep subscriber data for (days)"),
        null=True,
        blank=True,
        default=365,
        db_default=365,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Counted from the end of a request. After that, SubscriberID, "
            "SubscriberKey, email address and new values are removed. The record "
            "of the request stays, and an exact search for the address or key "
            "still finds it. If empty, nothing is removed."
        ),
    )
    keeps_consent = models.BooleanField(
        _("keep consent until it is withdrawn"),
        default=True,
        db_default=True,
        help_text=_(
            "You have to be able to prove consent for as long as you send emails "
            "because of it. The days above count from the end of the unsubscribe "
            "that withdraws it. If off, consent receipts end like other requests."
        ),
    )

    class Meta:
        ordering = ("mid",)
        verbose_name = _("business unit")
        verbose_name_plural = _("business units")
        permissions = (("all_units", "Can see all business units"),)
        constraints = (
            models.UniqueConstraint(
                fields=("domain",), condition=~models.Q(domain=""), name="unit_domain_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.mid})"

    @property
    def all_subscribers_list_ids(self) -> frozenset[int]:
        """The ListIDs by which a link unsubscribes from everything: the one in the settings and the
        one read from Marketing Cloud; empty where neither is known."""
        known = {self.all_subscribers_list_id, self.found_all_subscribers_list_id}
        return frozenset(one for one in known if one is not None)

    @property
    def offers_pause(self) -> bool:
        """Whether subscribers may pause. Where they are asked at the end, the unit also needs the
        email for that."""
        asks = self.pause_end_action == PauseEndAction.ASK
        return self.pause_offered and ((bool(self.ask_back_key) and self.seals_links) or not asks)

    @property
    def mails_links(self) -> bool:
        """Whether subscribers can have a new link emailed to them."""
        return bool(self.new_link_key) and self.seals_links

    @property
    def seals_links(self) -> bool:
        """Whether there is a link key that can seal, as each emailed link to the profile centre
        is: an RSA key cannot."""
        return bool(settings.LINK_KEYRING.can_seal(self.mid))

    @property
    def changes_address(self) -> bool:
        """Whether subscribers may change their address: the unit needs the email to the new address
        and, unless the former address is not told, the one to that."""
        tells = self.address_guard != AddressGuard.NONE
        return bool(self.confirm_address_key) and (bool(self.address_notice_key) or not tells)

    @property
    def url(self) -> str:
        """The URL that the unit's links begin with: its own domain, else the deployment's
        PUBLIC_URL."""
        if not self.domain:
            return str(settings.PUBLIC_URL)
        public = urlsplit(settings.PUBLIC_URL)
        port = f":{public.port}" if public.port else ""
        return f"{public.scheme}://{self.domain}{port}"
