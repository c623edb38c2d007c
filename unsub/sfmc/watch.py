"""How a caller of the SOAP library can measure its calls."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

# Of the name of a call: a block around its exchange, which sees the SfmcError that it raises.
Watch = Callable[[str], AbstractContextManager[None]]


def no_watch(_name: str) -> AbstractContextManager[None]:
    """Return a block that measures nothing."""
    return nullcontext()
