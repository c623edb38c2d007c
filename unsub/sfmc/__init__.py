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
from .tokens import MemoryTokenStore, Token, TokenStore

__all__ = [
    "LOG_UNSUB_EVENT",
    "Auth",
    "Client",
    "ExecuteReply",
    "ExecuteRequest",
    "ExecuteResult",
    "InMaintenance",
    "Login",
    "MemoryTokenStore",
    "MisconfiguredError",
    "OAuth",
    "PermanentError",
    "RateLimited",
    "SfmcError",
    "SystemStatus",
    "Token",
    "TokenExpired",
    "TokenStore",
    "TransientError",
    "UnknownOutcome",
    "UsernameToken",
]
