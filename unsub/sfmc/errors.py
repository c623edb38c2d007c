"""Errors of a call, classified by what to do next. No message contains a person, a key, a token, or
text from the reply."""


class SfmcError(Exception):
    """A call did not end in a usable reply.

    `code` is the vendor's (manual: "SOAP Faults"); `retry_after` is in seconds. `is_no_right`: the
    credentials are valid and lack the right for this kind of call; others may work.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        is_no_right: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        self.http_status = http_status
        self.request_id = request_id
        self.is_no_right = is_no_right


class TransientError(SfmcError):
    """Nothing was processed: try again later."""


class RateLimitedError(TransientError):
    """Too many calls: slow down, and wait at least `retry_after`."""


class InMaintenanceError(TransientError):
    """Marketing Cloud is in maintenance; expect a long wait."""


class TokenExpiredError(TransientError):
    """The token has expired. The client retries once with a new token; callers see this error only
    where that one was refused, too."""


class UnknownOutcomeError(SfmcError):
    """The call was sent and no readable reply came: it may have been processed."""


class PermanentError(SfmcError):
    """The message is wrong: sending it again does not help."""


class MisconfiguredError(SfmcError):
    """Credentials, permissions or addresses are wrong: an operator must act."""
