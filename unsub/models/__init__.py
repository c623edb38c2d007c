"""The tables: BusinessUnit (who sends), Reason (why people unsubscribe), UnsubRequest (what they
asked for), LinkEmail (emails with links for it), DeliveryAttempt (calls made for both), and smaller
ones."""

from unsub.domain.outcomes import Outcome

from .alarm import Alarm, Cause
from .attempt import DeliveryAttempt
from .business_unit import BusinessUnit, PauseEnds
from .digest import Digest
from .erasure import Erasure
from .handling import Handling
from .kinds import Family, Kind
from .link_email import EmailStatus, LinkEmail, Purpose
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
    "EmailStatus",
    "Erasure",
    "Family",
    "Handling",
    "Kind",
    "LinkEmail",
    "Logo",
    "LostLink",
    "MailingList",
    "Outcome",
    "PageText",
    "Pause",
    "PauseEnd",
    "PauseEnds",
    "Place",
    "Purpose",
    "QueueState",
    "Reason",
    "ReasonLabel",
    "Status",
    "TallyMark",
    "UnsubRequest",
    "Wording",
]
