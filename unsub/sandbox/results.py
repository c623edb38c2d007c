"""What answers one request or one object of a message, and the status of them all."""

from collections.abc import Sequence
from dataclasses import dataclass

from .refusals import RuleError
from .trees import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result: its status, and its code where there is one. `ordinal` None is left out."""

    status: str
    message: str
    ordinal: int | None = None
    code: int | None = None

    @classmethod
    def refused(cls, err: RuleError, ordinal: int) -> "Result":
        """Return the result of what a rule refused."""
        return cls(status="Error", message=err.message, ordinal=ordinal, code=err.code)

    @property
    def content(self) -> dict[str, Node]:
        """The elements that every kind of result begins with."""
        return {
            "StatusCode": self.status,
            "StatusMessage": self.message,
            "OrdinalID": self.ordinal,
            "ErrorCode": self.code,
        }


def overall(results: Sequence[Result]) -> str:
    """Return the OverallStatus: OK, Error, or Has Errors for some."""
    errors = sum(result.status != "OK" for result in results)
    if not errors:
        return "OK"
    return "Error" if errors == len(results) else "Has Errors"
