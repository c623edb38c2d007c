"""The environment as settings.py reads it: NAME, or NAME_FILE for the path of a file.

Any error ends the process with one line that names the variable, never its value.
"""

import io
import json
import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from unsub.infra.redis_connections import AddressError, is_sentinel, read_address

BASE_DIR = Path(__file__).resolve().parent.parent
_LINE = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*")  # what environ takes for a variable
_TRUE = {*environ.Env.BOOLEAN_TRUE_STRINGS}
_FALSE = {"false", "off", "no", "n", "0"}
_DATABASES = ("postgres", "postgresql", "psql", "pgsql", "sqlite")
_DATABASE = "an address such as postgres://name:password@host:5432/database"
_EMAIL = "an address such as smtp+tls://name:password@host:587"
_SENTINEL = "an address such as sentinel://:password@host:26379,host:26379/master/0"
_CLUSTER = (
    "must be one Redis, or the Sentinels of one. A Redis Cluster is not supported: Celery's queue "
    "and the spool need all their keys on one server"
)
_ENCODED = "with signs such as / # and @ of its password percent-encoded"
_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


class SettingError(SystemExit):
    """A missing or wrong setting, reported in one line: no process can start.

    It is a SystemExit because manage.py, gunicorn and Celery all let that through: the line goes
    to standard error and the status is 1. For any other exception they print up to a hundred
    lines, which may contain the value.
    """


class _Values(FileAwareMapping):  # type: ignore[misc]  # environ ships no types
    """Normalised values: without a file's byte order mark and line end; an empty value counts as
    missing, and `$` has no special meaning."""

    def __getitem__(self, key: str) -> str:
        """Return the value of a variable. Raises KeyError if there is none, and SettingError for a
        file that cannot be read."""
        path: str | None = self.env.get(f"{key}_FILE")
        value: str = _content(f"{key}_FILE", path) if path else self.env[key]
        value = value.rstrip("\r\n")
        if not value:
            raise KeyError(key)
        # environ treats a value that begins with $ as the name of another variable, and its error
        # contains it: half a secret in a traceback. With escape_proxy it turns \$ back into $.
        return value.replace("$", r"\$")


class Env(environ.FileAwareEnv):  # type: ignore[misc]  # environ ships no types
    """django-environ's reader for these values. Every method raises SettingError."""

    ENVIRON = _Values()

    def __init__(self) -> None:
        super().__init__()
        self.escape_proxy = True

    def get_value(self, var: str, cast: Any = None, **options: Any) -> Any:
        """Return the value of a variable converted by `cast`, or the default."""
        try:
            return super().get_value(var, cast=cast, **options)
        except ImproperlyConfigured:
            raise SettingError(f"{var} is not set, nor is {var}_FILE. Set one of them.") from None
        except json.JSONDecodeError as err:
            place = f"line {err.lineno}, column {err.colno}"
            raise SettingError(f"{self._named(var)} must be JSON: see {place}.") from None
        except ValueError:
            raise self._wrong(var, _KINDS.get(cast, "another value")) from None

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """Return a value converted by `cast`. Raises ValueError. environ alone would read `3O` as
        3.0 and any unknown word as false."""
        if cast is float:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError
            return number
        if cast is bool:
            word = value.strip().lower()
            if word not in _TRUE | _FALSE:
                raise ValueError
            return word in _TRUE
        return super().parse_value(value, cast)

    def address(self, var: str, *, schemes: Collection[str], default: str) -> str:
        """Return a URL whose scheme is one of `schemes`."""
        text: str = self.str(var, default=default)
        try:
            parts = urlsplit(text)
            # A / or # in a password ends the host early; the port then raises ValueError.
            _ = parts.port
            has_host = bool(parts.hostname) or not parts.scheme.startswith("http")
            good = parts.scheme in schemes and has_host
        except ValueError:
            good = False
        if not good:
            begins = " or ".join(f"{scheme}://" for scheme in schemes)
            raise self._wrong(var, f"an address that begins with {begins}, {_ENCODED}")
        return text

    def redis(self, var: str, *, default: str) -> str:
        """Return the address of a Redis, or of its Sentinels."""
        text: str = self.str(var, default=default)
        if "cluster" in text.partition("://")[0]:
            raise SettingError(f"{self._named(var)} {_CLUSTER}.")
        try:
            if is_sentinel(text):
                read_address(text)
                return text
        except (AddressError, ValueError):
            raise self._wrong(var, f"{_SENTINEL}, {_ENCODED}") from None
        return self.address(var, schemes=("redis", "rediss", "unix", "sentinel"), default=default)

    def choice(self, var: str, choices: Collection[str], *, default: str) -> str:
        """Return one of `choices`."""
        text: str = self.str(var, default=default)
        if text not in choices:
            raise self._wrong(var, f"one of {', '.join(choices)}")
        return text

    def database(self, var: str, *, default: str) -> dict[str, Any]:
        """Return the configuration of a PostgreSQL or SQLite database."""
        text = self.str(var, default=default)
        try:
            # environ would log a warning about an unknown scheme, with the password in it.
            known = urlsplit(text).scheme in _DATABASES
            found: dict[str, Any] = self.db_url_config(text) if known else {}
        except (ImproperlyConfigured, ValueError):
            found = {}
        if not found.get("NAME"):
            raise self._wrong(var, f"{_DATABASE}, {_ENCODED}")
        return found

    def email_server(self, var: str, *, default: str) -> dict[str, Any]:
        """Return the settings of a mail server."""
        try:
            found: dict[str, Any] = self.email_url_config(self.str(var, default=default))
        except (ImproperlyConfigured, ValueError):
            raise self._wrong(var, f"{_EMAIL}, {_ENCODED}") from None
        return found

    def read_file(self, path: Path) -> None:
        """Read a .env file; variables that are set already take precedence.

        environ would log a line that it cannot read, with any secret in it.
        """
        text = _content(".env", str(path))
        for number, line in enumerate(text.splitlines(), start=1):
            told = line.strip()
            if told and not told.startswith("#") and not _LINE.fullmatch(line):
                raise SettingError(f"{path}, line {number}: it must be NAME=value, or a comment.")
        self.read_env(io.StringIO(text))

    def _named(self, var: str) -> str:
        """Return a variable's name, with the file that the value comes from."""
        path = self.ENVIRON.env.get(f"{var}_FILE")
        return f"{var} (in the file {path})" if path else var

    def _wrong(self, var: str, wanted: str) -> SettingError:
        """Return the error for a value of the wrong form."""
        return SettingError(f"{self._named(var)} must be {wanted}.")


def _content(name: str, path: str) -> str:
    """Return the text of the file that the variable `name` names. Raises SettingError."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problem = "is not text in UTF-8"
    except FileNotFoundError:
        problem = "does not exist. Make it, or correct the path"
    except IsADirectoryError:
        problem = "is a folder. Docker makes one where a file to mount is missing: make the file"
    except PermissionError:
        problem = f"may not be read by user {os.geteuid()}. Change its mode, or its folder's"
    except (OSError, ValueError) as err:
        problem = f"cannot be read ({getattr(err, 'strerror', None) or 'no usable path'})"
    raise SettingError(f"{name}: {_shown(path)} {problem}.")


def _shown(path: str) -> str:
    """Return a path for a message. Text that does not begin like a path may be the secret itself,
    given as NAME_FILE by mistake."""
    return path if path.startswith(("/", "./", "../")) else "the file (its path is not absolute)"


def read_environment() -> Env:
    """Return the environment, including `.env` of the checkout."""
    env = Env()
    if (BASE_DIR / ".env").is_file():
        env.read_file(BASE_DIR / ".env")
    return env
