"""The tables: BusinessUnit (who sends), Reason (why people unsubscribe), UnsubRequest (what they
asked for), DeliveryAttempt (calls made for it), and smaller ones."""

from unsub.domain.outcomes import Outcome

from .alarm import Alarm, Cause
from .attempt import DeliveryAttempt
from .business_unit import BusinessUnit, PauseEnds
from .digest import Digest
from .erasure import Erasure
from .handling import Handling
from .kinds import Family, Kind
from .logo import Logo
from .lost_link import LostLink
from .mailing_list import MailingList
from .page_text import PageText, Place
from .pause import Pause, PauseEnd
from .queue_state import QueueState
from .reason import Reason, ReasonLabel
from .request import Channel, UnsubRequest
from .statuses import Status
from .tally import By, DailyTally, TallyMark
from .wording import Wording

__all__ = [
    "Alarm",
    "BusinessUnit",
    "By",
    "Cause",
    "Channel",
    "DailyTally",
    "DeliveryAttempt",
    "Digest",
    "Erasure",
    "Family",
    "Handling",
    "Kind",
    "Logo",
    "LostLink",
    "MailingList",
    "Outcome",
    "PageText",
    "Pause",
    "PauseEnd",
    "PauseEnds",
    "Place",
    "QueueState",
    "Reason",
    "ReasonLabel",
    "Status",
    "TallyMark",
    "UnsubRequest",
    "Wording",
]
