"""What can go wrong, told by what to do next. No message holds a person, a key, a token, or a word
that came from the other side."""


class SfmcError(Exception):
    """A call did not end in a reply.

    `code` is the vendor's (manual: "SOAP Faults"), `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        self.http_status = http_status
        self.request_id = request_id


class TransientError(SfmcError):
    """Nothing was processed: try later."""


class RateLimited(TransientError):  # noqa: N818 - the field's word
    """We call too often: slow down, and not before `retry_after`."""


class InMaintenance(TransientError):  # noqa: N818 - the field's word
    """Marketing Cloud is in maintenance, which takes long."""


class TokenExpired(TransientError):  # noqa: N818 - the vendor's word
    """The token ran out, and so did the one that was fetched in its place."""


class UnknownOutcome(SfmcError):  # noqa: N818 - the field's word
    """It was sent and nothing readable came back: it may have been done."""


class PermanentError(SfmcError):
    """Our message is wrong: sending it again helps nothing."""


class MisconfiguredError(SfmcError):
    """Credentials, permissions or addresses are wrong: an operator must act."""
