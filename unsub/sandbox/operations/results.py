"""The result of one request or object, and the status of a whole message."""

from collections.abc import Sequence
from dataclasses import dataclass

from unsub.sandbox.soap.xml_nodes import Node
from unsub.sandbox.world.errors import RuleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result. `ordinal` and `code` are left out where None."""

    status: str
    message: str
    ordinal: int | None = None
    code: int | None = None

    @classmethod
    def refused(cls, err: RuleError, ordinal: int) -> "Result":
        """Return the result of a refused request."""
        return cls(status="Error", message=err.message, ordinal=ordinal, code=err.code)

    @property
    def content(self) -> dict[str, Node]:
        """Elements that every kind of result starts with."""
        return {
            "StatusCode": self.status,
            "StatusMessage": self.message,
            "OrdinalID": self.ordinal,
            "ErrorCode": self.code,
        }


def overall(results: Sequence[Result]) -> str:
    """Return the OverallStatus: OK, Error where all failed, `Has Errors` where some did."""
    errors = sum(result.status != "OK" for result in results)
    if not errors:
        return "OK"
    return "Error" if errors == len(results) else "Has Errors"
