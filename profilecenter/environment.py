"""The environment as settings.py reads it: NAME, or NAME_FILE for the path of a file."""

import environ
from environ.fileaware_mapping import FileAwareMapping


class _Values(FileAwareMapping):  # type: ignore[misc]  # environ ships no types
    """Values as they were meant: a file's line end is no part of a secret, an empty value is none,
    and `$` is a letter like any other."""

    def __getitem__(self, key: str) -> str:
        """Return the value of a variable; raises KeyError where there is none."""
        value: str = super().__getitem__(key).rstrip("\r\n")
        if not value:
            raise KeyError(key)
        # environ takes a value that begins with $ for another variable's name, and names it in its
        # error: half a secret in a traceback. With escape_proxy it turns \$ back into $.
        return value.replace("$", r"\$")


class Env(environ.FileAwareEnv):  # type: ignore[misc]  # environ ships no types
    """django-environ's reader, on those values."""

    ENVIRON = _Values()

    def __init__(self) -> None:
        super().__init__()
        self.escape_proxy = True
