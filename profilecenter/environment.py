"""The environment as settings.py reads it: NAME, or NAME_FILE for the path of a file.

Any error ends the process with one line that names the variable, never its value.
"""

import io
import json
import math
import os
import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from unsub.exporting.storage import AddressError as StorageAddressError
from unsub.exporting.storage import read_address as read_storage
from unsub.infra.redis_connections import AddressError, is_sentinel, read_address

BASE_DIR = Path(__file__).resolve().parent.parent
_LINE = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*")  # what environ takes for a variable
_TRUE = {*environ.Env.BOOLEAN_TRUE_STRINGS}
_FALSE = {"false", "off", "no", "n", "0"}
_DATABASES = ("postgres", "postgresql", "psql", "pgsql", "sqlite")
_DATABASE = (
    "an address such as postgres://name:password@host:5432/database,"
    " postgres:///database?host=/folder/of/the/socket or sqlite:////folder/file"
)
# Without signs that a mailto URL would have to escape (RFC 6068).
_MAILBOX = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_EMAIL = "an address such as smtp+tls://name:password@host:587"
_SENTINEL = "an address such as sentinel://:password@host:26379,host:26379/master/0"
_STORAGE = (
    "an address such as file:///folder, s3://key:secret@bucket/folder?region=eu-central-1 or"
    " sftp://name:password@host:22/folder"
)
_CLUSTER = (
    "must be one Redis, or the Sentinels of one. A Redis Cluster is not supported: Celery's queue "
    "and the spool need all their keys on one server"
)
_ENCODED = "with signs such as / ? # [ @ and % of its password percent-encoded"
# A person may have chosen it, with any sign at its ends.
_CHOSEN_BY_PEOPLE = frozenset({"SFMC_PASSWORD"})
_QUOTES = frozenset("\"'")
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
        """Return the value of a variable: that of its file, unless the file is empty, as those of
        secrets/ are at first. Raises KeyError if there is none, and SettingError for a file that
        cannot be read."""
        value: str = _in_file(self.env, key) or self.env.get(key, "")
        value = value.removeprefix("\ufeff").rstrip("\r\n")
        # A NUL or the like: UTF-16 without a byte order mark is valid UTF-8. A surrogate stands for
        # a byte of the environment that is not UTF-8.
        if any(_is_control(sign) for sign in value):
            raise SettingError(f"{_named(self.env, key)} is not text in UTF-8.")
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
            found = super().get_value(var, cast=cast, **options)
        except ImproperlyConfigured:
            raise SettingError(self._missing(var)) from None
        except json.JSONDecodeError as err:
            place = f"see line {err.lineno}, column {err.colno}{self._about_quotes(var)}"
            raise SettingError(f"{self._named(var)} must be JSON: {place}.") from None
        except RecursionError:
            raise self._wrong(var, "JSON that is not nested so deeply") from None
        except ValueError:
            raise self._wrong(var, _KINDS.get(cast, "another value")) from None
        if cast is str and isinstance(found, str):
            self._check_ends(var, found)
        return found

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
        found = super().parse_value(value, cast)
        return [part for item in found if (part := item.strip())] if cast is list else found

    def address(self, var: str, *, schemes: Collection[str], default: str) -> str:
        """Return a URL whose scheme is one of `schemes`."""
        text: str = self.str(var, default=default)
        try:
            parts = urlsplit(text)
            # A / or # in a password ends the host early; the port then raises ValueError.
            _ = parts.port
            has_host = bool(parts.hostname) or not parts.scheme.startswith(("http", "amqp"))
            good = parts.scheme in schemes and has_host and not _is_cut(parts)
        except ValueError:
            good = False
        if not good:
            begins = " or ".join(f"{scheme}://" for scheme in schemes)
            raise self._wrong(var, f"an address that begins with {begins}, {_ENCODED}")
        return text

    def optional_address(self, var: str, *, module: str) -> str:
        """Return a URL, or "" where it is not set. It needs a module of
        requirements/telemetry.txt."""
        if not self.str(var, default=""):
            return ""
        if find_spec(module) is None:
            needs = "needs the packages of requirements/telemetry.txt"
            raise SettingError(f"{self._named(var)} {needs}: {module} cannot be imported.")
        return self.address(var, schemes=("https", "http"), default="")

    def mailbox(self, var: str) -> str:
        """Return an email address that needs no escaping in a mailto URL, or "" where it is not
        set."""
        text: str = self.str(var, default="")
        if text and not _MAILBOX.fullmatch(text):
            raise self._wrong(var, "an email address, such as unsubscribe@in.example.com")
        return text

    def listener(self, var: str) -> tuple[str, int] | None:
        """Return host and port to listen on, or None where it is not set."""
        text: str = self.str(var, default="")
        host, _, port = text.rpartition(":")
        if not text:
            return None
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise self._wrong(var, "host and port, such as 127.0.0.1:9100 or 0.0.0.0:9100")
        return host.strip("[]"), int(port)

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

    def export_address(self, var: str) -> str:
        """Return the address of a storage for exports, or "" where it is not set."""
        text: str = self.str(var, default="")
        try:
            if text:
                read_storage(text)
        except StorageAddressError:
            raise self._wrong(var, f"{_STORAGE}, {_ENCODED}") from None
        return text

    def text(self, var: str) -> str:
        """Return a text that may have several lines, or "" where it is not set."""
        return str(self.get_value(var, default=""))

    def rabbitmq(self, var: str) -> str:
        """Return the address of a RabbitMQ, or "" where it is not set."""
        if not self.str(var, default=""):
            return ""
        return self.address(var, schemes=("amqp", "amqps"), default="")

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
            found = _database(text)
        except (ImproperlyConfigured, ValueError):
            found = {}
        if not found.get("NAME"):
            raise self._wrong(var, f"{_DATABASE}, {_ENCODED}")
        return found

    def email_server(self, var: str, *, default: str) -> dict[str, Any]:
        """Return the settings of a mail server."""
        text = self.str(var, default=default)
        try:
            found: dict[str, Any] = {} if _is_cut(urlsplit(text)) else self.email_url_config(text)
        except (ImproperlyConfigured, ValueError):
            found = {}
        if not found:
            raise self._wrong(var, f"{_EMAIL}, {_ENCODED}")
        if found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
            found["EMAIL_BACKEND"] = "unsub.infra.mail_server.EmailBackend"  # which ends in time
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

    def _missing(self, var: str) -> str:
        """Return what to say of a variable that has no value."""
        if self.ENVIRON.env.get(f"{var}_FILE"):
            return f"{self._named(var)} is empty. Write the value into the file."
        return f"{var} is not set, nor is {var}_FILE. Set one of them."

    def _check_ends(self, var: str, text: str) -> None:
        """Raise SettingError for a text with something around it that would count as part of it,
        and that nobody sees."""
        if len(text.splitlines()) > 1:
            raise self._wrong(var, "one line")
        if var in _CHOSEN_BY_PEOPLE:
            return
        if text != text.strip():
            raise self._wrong(var, "a text without blanks at its beginning and end")
        if _is_quoted(text):
            raise self._wrong(var, "a text without quotes around it")

    def _about_quotes(self, var: str) -> str:
        """Return the reason why a text is no JSON, where it is the commonest one."""
        text = self.ENVIRON[var].strip()
        if _is_quoted(text):
            return ". Remove the quotes around it"
        if "'" in text and '"' not in text:
            return ". JSON has double quotes, not single ones"
        return ""

    def _named(self, var: str) -> str:
        """Return a variable's name, with the file that the value comes from."""
        return _named(self.ENVIRON.env, var)

    def _wrong(self, var: str, wanted: str) -> SettingError:
        """Return the error for a value of the wrong form."""
        return SettingError(f"{self._named(var)} must be {wanted}.")


def _named(environ: Mapping[str, str], var: str) -> str:
    """Return a variable's name, with the file that the value comes from."""
    path = environ.get(f"{var}_FILE")
    is_own = not path or bool(environ.get(var) and not _in_file(environ, var))
    return var if is_own else f"{var} (in the file {_shown(path or '')})"


def _in_file(environ: Mapping[str, str], var: str) -> str:
    """Return what the file of a variable contains; "" without a file, and for an empty one. Raises
    SettingError."""
    path = environ.get(f"{var}_FILE")
    return _content(f"{var}_FILE", path).rstrip("\r\n") if path else ""


def _is_control(sign: str) -> bool:
    """Tell whether a character has no place in any value: neither text nor JSON contain it."""
    return (sign < " " and sign not in "\t\r\n") or "\ud800" <= sign <= "\udfff" or sign == "\x7f"


def _is_quoted(text: str) -> bool:
    """Tell whether a text stands in quotes, as `docker run --env-file` leaves it."""
    return len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES


def _is_cut(parts: SplitResult) -> bool:
    """Tell whether a / ? or # in its password ended an address early: its @ is behind the host."""
    behind = f"{parts.path}{parts.query}{parts.fragment}"
    return bool(parts.netloc) and "@" not in parts.netloc and "@" in behind


def _database(text: str) -> dict[str, Any]:
    """Return the configuration of a database. Raises ValueError for an address of another form."""
    place, mark, query = text.partition("?")
    parts = urlsplit(place)
    is_file = parts.scheme == "sqlite"
    # environ would log a warning about an unknown scheme, with the password in it, and one about
    # the host of a file.
    if parts.scheme not in _DATABASES or (is_file and parts.netloc not in {"", ":memory:"}):
        raise ValueError
    # With a # in the password there is no path, and environ reads it as it is meant.
    if not is_file and parts.path and _is_cut(urlsplit(text)):
        raise ValueError
    # environ would read a + in a name as a blank.
    found: dict[str, Any] = Env.db_url_config(place.replace("+", "%2B") + mark + query)
    return found if is_file else _with_host(found, parts)


def _with_host(found: dict[str, Any], parts: SplitResult) -> dict[str, Any]:
    """Return a configuration whose HOST can be the folder of a socket: percent-encoded as the host,
    or as ?host=. Raises ValueError for a host with a blank."""
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    if host[:3].lower() == "%2f":
        found["HOST"] = unquote(host)
    options: dict[str, Any] = found.get("OPTIONS", {})
    for name in ("host", "port"):
        if name in options and not found[name.upper()]:
            found[name.upper()] = options.pop(name)
    if any(sign.isspace() for sign in str(found["HOST"])):
        raise ValueError
    return found


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
