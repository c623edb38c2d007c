"""The rows: whose mail (BusinessUnit), why (Reason), what was asked (UnsubRequest), what we did
about it (DeliveryAttempt)."""

from unsub.outcomes import Outcome

from .alarm import Alarm, Cause
from .attempt import DeliveryAttempt
from .business_unit import BusinessUnit
from .mailing_list import MailingList
from .reason import Reason
from .request import Channel, Status, UnsubRequest

__all__ = [
    "Alarm",
    "BusinessUnit",
    "Cause",
    "Channel",
    "DeliveryAttempt",
    "MailingList",
    "Outcome",
    "Reason",
    "Status",
    "UnsubRequest",
]
