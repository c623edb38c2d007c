"""The tables: BusinessUnit (who sends), Reason (why people unsubscribe), SubscriberRequest (what
they asked for), LinkEmail (emails with links for it), DeliveryAttempt (calls made for both), and
smaller ones."""

from unsub.domain.outcomes import Outcome

from .alarm import (
    DEPLOYMENT,
    NO_SEND,
    OUTAGES,
    Alarm,
    AlarmNotification,
    Cause,
    NotificationChannel,
)
from .api_key import ApiAnswer, ApiKey, KeyPurpose, RequestOrigin
from .attempt import DeliveryAttempt
from .audit_export import ExportFormat, ExportPlan, ExportRun, Frequency
from .audit_seal import AuditSeal, SealCursor, SealedTable
from .backup_schedule import BackupSchedule
from .business_unit import (
    AddressGuard,
    BusinessUnit,
    PauseEndAction,
    ReasonsAsked,
    TokenBy,
    UnsubscribeReach,
)
from .consent_text import ConsentText
from .daily_count import By, CountCursor, CountedZone, DailyCount
from .erasure import ErasedIdentifier, Erasure
from .import_state import ImportState
from .invitation import Invitation
from .kinds import Kind, MessageType
from .link_email import EmailStatus, LinkEmail, Purpose
from .logo import DarkLogo, Logo
from .lost_link import LostLink
from .mailing_list import CatalogueState, MailingList, MailingListText
from .page_text import PageText, Place
from .pause import Pause, PauseResult
from .queue_state import MessageTypeState, QueueState
from .reason import Reason, ReasonLabel
from .request import Channel, SubscriberRequest
from .resolution_note import ResolutionNote
from .restore_hold import RestoreHold
from .saved_view import DefaultView, ListPage, SavedView
from .send import Send
from .staff_settings import StaffSettings
from .statuses import Status
from .subscriber_alias import SubscriberAlias
from .topic import KeyHolds, Topic, TopicKept, TopicText
from .unsubscribe_import import ImportPart, ImportProblem, ImportStatus, UnsubscribeImport
from .webhook import (
    DeliveryState,
    DisabledReason,
    EndpointState,
    EventType,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookResult,
)
from .weekly_digest import WeeklyDigest
from .write_probe import WriteProbe

__all__ = [
    "DEPLOYMENT",
    "NO_SEND",
    "OUTAGES",
    "AddressGuard",
    "Alarm",
    "AlarmNotification",
    "ApiAnswer",
    "ApiKey",
    "AuditSeal",
    "BackupSchedule",
    "BusinessUnit",
    "By",
    "CatalogueState",
    "Cause",
    "Channel",
    "ConsentText",
    "CountCursor",
    "CountedZone",
    "DailyCount",
    "DarkLogo",
    "DefaultView",
    "DeliveryAttempt",
    "DeliveryState",
    "DisabledReason",
    "EmailStatus",
    "EndpointState",
    "ErasedIdentifier",
    "Erasure",
    "EventType",
    "ExportFormat",
    "ExportPlan",
    "ExportRun",
    "Frequency",
    "ImportPart",
    "ImportProblem",
    "ImportState",
    "ImportStatus",
    "Invitation",
    "KeyHolds",
    "KeyPurpose",
    "Kind",
    "LinkEmail",
    "ListPage",
    "Logo",
    "LostLink",
    "MailingList",
    "MailingListText",
    "MessageType",
    "MessageTypeState",
    "NotificationChannel",
    "Outcome",
    "PageText",
    "Pause",
    "PauseEndAction",
    "PauseResult",
    "Place",
    "Purpose",
    "QueueState",
    "Reason",
    "ReasonLabel",
    "ReasonsAsked",
    "RequestOrigin",
    "ResolutionNote",
    "RestoreHold",
    "SavedView",
    "SealCursor",
    "SealedTable",
    "Send",
    "StaffSettings",
    "Status",
    "SubscriberAlias",
    "SubscriberRequest",
    "TokenBy",
    "Topic",
    "TopicKept",
    "TopicText",
    "UnsubscribeImport",
    "UnsubscribeReach",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookResult",
    "WeeklyDigest",
    "WriteProbe",
]
