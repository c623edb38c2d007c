"""The rows: whose mail (BusinessUnit), why (Reason), what was asked (UnsubRequest), what we did
about it (DeliveryAttempt)."""

from unsub.outcomes import Outcome

from .alarm import Alarm, Cause
from .attempt import DeliveryAttempt
from .business_unit import BusinessUnit
from .digest import Digest
from .handling import Handling
from .logo import Logo
from .lost_link import LostLink
from .mailing_list import MailingList
from .page_text import PageText, Place
from .reason import Reason, ReasonLabel
from .request import Channel, Status, UnsubRequest
from .tally import By, DailyTally, TallyMark

__all__ = [
    "Alarm",
    "BusinessUnit",
    "By",
    "Cause",
    "Channel",
    "DailyTally",
    "DeliveryAttempt",
    "Digest",
    "Handling",
    "Logo",
    "LostLink",
    "MailingList",
    "Outcome",
    "PageText",
    "Place",
    "Reason",
    "ReasonLabel",
    "Status",
    "TallyMark",
    "UnsubRequest",
]
