"""Client of Marketing Cloud's SOAP API. Independent of Django and of the rest of this project.

This module gives its values and errors, without loading zeep. The client is `sfmc.client.Client`,
and the ways to sign in are in `sfmc.auth`: `Client(...).execute([ExecuteRequest(...)])`.
"""

from .data_extensions import (
    FIELD_PROPERTIES,
    DataColumn,
    DataRow,
    read_column,
    read_values,
    row_type,
)
from .definitions import Definition, PicklistItem
from .errors import (
    InMaintenanceError,
    MisconfiguredError,
    PermanentError,
    RateLimitedError,
    SfmcError,
    TokenExpiredError,
    TransientError,
    UnknownOutcomeError,
)
from .mails import TriggeredSend
from .messages import (
    LOG_UNSUB_EVENT,
    CallReply,
    CallResult,
    ExecuteRequest,
    SystemStatus,
)
from .retrieve import (
    LIST_PROPERTIES,
    LIST_SUBSCRIBER_PROPERTIES,
    SEND_PROPERTIES,
    UNSUB_EVENT_PROPERTIES,
    Filter,
    MailList,
    Membership,
    Page,
    RetrieveRequest,
    SentEmail,
    UnsubEvent,
    read_list,
    read_membership,
    read_sent_email,
    read_unsub_event,
)
from .rights import says_no_right
from .subscribers import (
    PROFILE_PROPERTIES,
    SUBSCRIBER_PROPERTIES,
    ListChange,
    Profile,
    SubscriberName,
    SubscriberUpdate,
    read_profile,
    read_subscriber_name,
)
from .tokens import MemoryTokenStore, Token, TokenStore

__all__ = [
    "FIELD_PROPERTIES",
    "LIST_PROPERTIES",
    "LIST_SUBSCRIBER_PROPERTIES",
    "LOG_UNSUB_EVENT",
    "PROFILE_PROPERTIES",
    "SEND_PROPERTIES",
    "SUBSCRIBER_PROPERTIES",
    "UNSUB_EVENT_PROPERTIES",
    "CallReply",
    "CallResult",
    "DataColumn",
    "DataRow",
    "Definition",
    "ExecuteRequest",
    "Filter",
    "InMaintenanceError",
    "ListChange",
    "MailList",
    "Membership",
    "MemoryTokenStore",
    "MisconfiguredError",
    "Page",
    "PermanentError",
    "PicklistItem",
    "Profile",
    "RateLimitedError",
    "RetrieveRequest",
    "SentEmail",
    "SfmcError",
    "SubscriberName",
    "SubscriberUpdate",
    "SystemStatus",
    "Token",
    "TokenExpiredError",
    "TokenStore",
    "TransientError",
    "TriggeredSend",
    "UnknownOutcomeError",
    "UnsubEvent",
    "read_column",
    "read_list",
    "read_membership",
    "read_profile",
    "read_sent_email",
    "read_subscriber_name",
    "read_unsub_event",
    "read_values",
    "row_type",
    "says_no_right",
]
