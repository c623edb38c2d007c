"""A business unit of Marketing Cloud: the sender of emails."""

import re
import zoneinfo
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
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
        raise ValidationError(_("Write a colour such as #1d4f91."))
    if (near := readable(text)) != text:
        raise ValidationError(
            _("White words on this colour cannot be read (WCAG AA). The nearest that will do: %s")
            % near
        )


def validate_domain(text: str) -> None:
    """Raise ValidationError for a text that is not a host name, or a host that is not in
    ALLOWED_HOSTS."""
    if not _HOST.fullmatch(text):
        raise ValidationError(_("Write a host name in small letters, such as mail.example.com."))
    if not validate_host(text, settings.ALLOWED_HOSTS):
        raise ValidationError(_("This host is not in ALLOWED_HOSTS: the operator has to add it."))


class UnsubscribeReach(models.TextChoices):
    """How far an unsubscribe from everything goes: the Unsubscribe Settings of the business unit in
    Marketing Cloud."""

    ENTERPRISE = "enterprise", _("all business units of the enterprise")
    UNIT = "unit", _("this business unit only")


def validate_time_zone(name: str) -> None:
    """Raise ValidationError for a text that is not the name of a time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("Write the name of a time zone, such as Europe/Berlin."))


class ReasonsAsked(models.TextChoices):
    """Where the page asks for the reason of an unsubscribe. It is optional in either place."""

    BELOW = "below", _("below the button")
    AFTER = "after", _("after the press only")


class TokenBy(models.TextChoices):
    """Which token the calls for a unit carry."""

    PARENT = "parent", _("the deployment's token, which names the unit in each call")
    OWN = "own", _("a token of the unit's own")


class PauseEndAction(models.TextChoices):
    """What happens when a pause is over."""

    ASK = "ask", _("asked by mail whether they want to come back")
    PUT_BACK = "put_back", _("put back")


class AddressGuard(models.TextChoices):
    """What the address on file has to do with a change of address in the profile centre."""

    TOLD = "told", _("told, and can undo it")
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
        help_text=_("The business unit's member ID, from Setup in Marketing Cloud."),
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("The brand, as recipients know it.")
    )
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(
        _("time zone"),
        max_length=40,
        default="UTC",
        db_default="UTC",
        validators=[validate_time_zone],
        help_text=_("Of the times and dates on your pages, such as Europe/Berlin."),
    )
    contact_email = models.EmailField(
        _("contact address"),
        blank=True,
        help_text=_("Where a person whose link does not work can write to."),
    )
    accent = models.CharField(
        _("colour"),
        max_length=7,
        blank=True,
        validators=[validate_colour],
        help_text=_("Of the button, such as #1d4f91. White words must be readable on it."),
    )
    domain = models.CharField(
        _("own domain"),
        max_length=253,
        blank=True,
        validators=[validate_domain],
        help_text=_(
            "A host name that leads here, such as mail.example.com: links made here use it, and a "
            "bad link opened there shows this brand."
        ),
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("people"),
        blank=True,
        related_name="units",
        help_text=_("Who sees this unit. Operators and administrators see every unit."),
    )
    reasons_asked = models.CharField(
        _("reasons are asked"),
        max_length=10,
        choices=ReasonsAsked.choices,
        default=ReasonsAsked.BELOW,
        db_default=ReasonsAsked.BELOW,
        help_text=_(
            "Below the button of the unsubscribe page, or on the page after it. Where none was "
            "given below the button, the page after it asks once more."
        ),
    )
    lost_link_form = models.BooleanField(
        _("form for a lost link"),
        default=False,
        help_text=_(
            "Where a link does not work, offer a form that takes an address. What is written "
            "there waits for you under Lost links; nobody is unsubscribed by it."
        ),
    )
    profile_centre = models.BooleanField(
        _("profile centre"),
        default=False,
        db_default=False,
        help_text=_(
            "A page at /p/… on which people see their lists and what is known of them, and change "
            "it. The package needs the rights to read and write lists and subscribers."
        ),
    )
    profile_days = models.PositiveSmallIntegerField(
        _("links open it for (days)"),
        default=90,
        db_default=90,
        validators=[MinValueValidator(1)],
        help_text=_("An older link still unsubscribes, but does not show what somebody gets."),
    )
    profile_details = models.BooleanField(
        _("details in the profile centre"),
        default=True,
        db_default=True,
        help_text=_(
            "Show the profile attributes that Marketing Cloud marks as viewable, and let people "
            "change those that it marks as editable, and HTML or text."
        ),
    )
    unicode_attributes = models.BooleanField(
        _("details in any alphabet"),
        default=False,
        db_default=False,
        help_text=_(
            "Marketing Cloud documents characters 32 to 254 alone for attributes: without this, "
            "others are refused at the field. Switch it on where your account holds them."
        ),
    )
    confirm_key = _triggered_send(
        _("mail that confirms joining"),
        _(
            "Customer key of a triggered send definition. With it, joining a list counts only once "
            "the person has confirmed it from that mail (double opt-in)."
        ),
    )
    confirm_address_key = _triggered_send(
        _("mail that confirms a new address"),
        _("Sent to the new address. Without it, people cannot change their address here."),
    )
    address_notice_key = _triggered_send(
        _("mail to the former address"),
        _(
            "Sent to the address on file when somebody changes it in the profile centre: tells of "
            "the change or asks for consent, as chosen below. Without it, people cannot change "
            "their address here, unless the former address is not told."
        ),
    )
    new_link_key = _triggered_send(
        _("mail with a new link"),
        _(
            "Offered to people whose link is too old for the profile centre, and to those who want "
            "to see or change their details."
        ),
    )
    ask_back_key = _triggered_send(
        _("mail at the end of a pause"),
        _("Needed where people are asked whether they want to come back."),
    )
    pause_offered = models.BooleanField(
        _("pause"),
        default=False,
        db_default=False,
        help_text=_("Let people stop a list, or everything, for 30, 60 or 90 days."),
    )
    pause_end_action = models.CharField(
        _("after a pause people are"),
        max_length=10,
        choices=PauseEndAction.choices,
        default=PauseEndAction.ASK,
        db_default=PauseEndAction.ASK,
    )
    protects_details = models.BooleanField(
        _("details only after an email"),
        default=True,
        db_default=True,
        help_text=_(
            "A newsletter may be forwarded, and its links with it. So the profile centre hides the "
            "values of the details, and shows, changes and exports them for one hour after the "
            "person has opened a link that was sent to the address on file. Unsubscribing and "
            "lists need no such link. Needs the mail with a new link; without it the details stay "
            "hidden."
        ),
    )
    address_guard = models.CharField(
        _("when the address changes, the former one is"),
        max_length=5,
        choices=AddressGuard.choices,
        default=AddressGuard.TOLD,
        db_default=AddressGuard.TOLD,
        help_text=_(
            "The new address always has to confirm. Told: the former address gets an email with a "
            "link that restores it. Asked first: nothing changes until the former address agrees; "
            "people who have lost it cannot change it here."
        ),
    )
    address_undo_days = models.PositiveSmallIntegerField(
        _("a change of address can be undone for (days)"),
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_(
            "After it was undone, the address cannot be changed for as long without a link that "
            "was sent to the address on file."
        ),
    )
    address_hold_hours = models.PositiveSmallIntegerField(
        _("no new links to a changed address for (hours)"),
        default=72,
        db_default=72,
        validators=[MaxValueValidator(168)],
        help_text=_(
            "Emails with a new link wait for this long after a change of address, so that the "
            "owner of the former address can undo it first. 0: they do not wait."
        ),
    )
    weekly_digest = models.BooleanField(
        _("weekly digest"),
        default=False,
        help_text=_("On Mondays, by e-mail to the people of this unit: numbers, reasons, words."),
    )
    subscriber_key_permission = models.BooleanField(
        _("SubscriberKey permission"),
        default=True,
        help_text=_("Where it is on, an e-mail address alone identifies nobody (error 404)."),
    )
    all_subscribers_list_id = models.BigIntegerField(
        _("All Subscribers list ID"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "With it, an unsubscribe from everything is tracked against the job. "
            "Without it, Marketing Cloud unsubscribes the person but logs no event. The page knows "
            "the list without it, once it was read from Marketing Cloud."
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
        _("an unsubscribe from everything covers"),
        max_length=10,
        choices=UnsubscribeReach.choices,
        default=UnsubscribeReach.ENTERPRISE,
        db_default=UnsubscribeReach.ENTERPRISE,
        help_text=_(
            "As the Unsubscribe Settings of the business unit in Marketing Cloud say. The page "
            "tells people whether your other brands can still email them."
        ),
    )
    token_by = models.CharField(
        _("token"),
        max_length=10,
        choices=TokenBy.choices,
        default=TokenBy.PARENT,
        db_default=TokenBy.PARENT,
        help_text=_(
            "Where Marketing Cloud refuses calls for this unit by the token of the package's own "
            "unit, get one by the unit's MID. The package must be available to the unit."
        ),
    )
    import_events = models.BooleanField(
        _("take over unsubscribes from elsewhere"),
        default=False,
        db_default=False,
        help_text=_(
            "Four times an hour, read the unsubscribes that happened in Marketing Cloud without "
            "us (its own header and centre), so that the audit has them, too. The package needs "
            "the right to read tracking events and subscribers."
        ),
    )

    retention_days = models.PositiveSmallIntegerField(
        _("keep people in clear for (days)"),
        null=True,
        blank=True,
        default=365,
        db_default=365,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Counted from the end of a request. Then SubscriberID, SubscriberKey, address and new "
            "values are removed from it. The proof stays, and a search for the whole address or "
            "key still finds it. Empty: they are kept."
        ),
    )

    class Meta:
        ordering = ("mid",)
        verbose_name = _("business unit")
        verbose_name_plural = _("business units")
        permissions = (("all_units", "Can see every business unit"),)
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
