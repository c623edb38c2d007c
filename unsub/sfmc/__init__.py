"""A small client of Marketing Cloud's SOAP API. It knows no Django and nothing of this project.

Give a `Client` a way to authenticate, and ask it: `client.execute([ExecuteRequest(...)])`.
"""

from .auth import Auth, Login, OAuth, UsernameToken
from .client import Client
from .errors import (
    InMaintenance,
    MisconfiguredError,
    PermanentError,
    RateLimited,
    SfmcError,
    TokenExpired,
    TransientError,
    UnknownOutcome,
)
from .messages import (
    LOG_UNSUB_EVENT,
    ExecuteReply,
    ExecuteRequest,
    ExecuteResult,
    SystemStatus,
)
from .retrieve import (
    LIST_PROPERTIES,
    LIST_SUBSCRIBER_PROPERTIES,
    SUBSCRIBER_PROPERTIES,
    UNSUB_EVENT_PROPERTIES,
    Filter,
    MailList,
    Membership,
    Page,
    RetrieveRequest,
    SubscriberName,
    UnsubEvent,
    read_list,
    read_membership,
    read_subscriber_name,
    read_unsub_event,
)
from .tokens import MemoryTokenStore, Token, TokenStore

__all__ = [
    "LIST_PROPERTIES",
    "LIST_SUBSCRIBER_PROPERTIES",
    "LOG_UNSUB_EVENT",
    "SUBSCRIBER_PROPERTIES",
    "UNSUB_EVENT_PROPERTIES",
    "Auth",
    "Client",
    "ExecuteReply",
    "ExecuteRequest",
    "ExecuteResult",
    "Filter",
    "InMaintenance",
    "Login",
    "MailList",
    "Membership",
    "MemoryTokenStore",
    "MisconfiguredError",
    "OAuth",
    "Page",
    "PermanentError",
    "RateLimited",
    "RetrieveRequest",
    "SfmcError",
    "SubscriberName",
    "SystemStatus",
    "Token",
    "TokenExpired",
    "TokenStore",
    "TransientError",
    "UnknownOutcome",
    "UnsubEvent",
    "UsernameToken",
    "read_list",
    "read_membership",
    "read_subscriber_name",
    "read_unsub_event",
]
