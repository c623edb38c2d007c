"""Settings from files, as Docker and Kubernetes provide secrets, and empty settings."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.deploy.image import Image

SHOW = """
import json
from django.conf import settings as s
database = s.DATABASES["default"]
print(json.dumps({
    "SECRET_KEY": s.SECRET_KEY, "REDIS_URL": s.REDIS_URL, "CELERY_BROKER_URL": s.CELERY_BROKER_URL,
    "DATABASE_URL": [database[part] for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")],
    "LINK_KEYS": s.LINK_KEYS, "SFMC_ACCOUNT_ID": s.SFMC_ACCOUNT_ID, "SFMC_TIMEOUT": s.SFMC_TIMEOUT,
    "SFMC_CLIENT_SECRET": s.SFMC_CLIENT_SECRET, "SFMC_PASSWORD": s.SFMC_PASSWORD,
    "PUBLIC_URL": s.PUBLIC_URL, "ADMINS": [address for _, address in s.ADMINS],
    "SFMC_SOAP_URL": s.SFMC_SOAP_URL,
}))
"""
KEYS = {"*": ["key-of-Key-Management-key-of-Key-Management"]}
WRITTEN = {
    "SECRET_KEY": "a-secret-key-" * 5,
    "DATABASE_URL": "postgres://ada:p%40ss%2Fword@db.example.com:5433/unsub",
    "REDIS_URL": "redis://:word@broker.example.com:6379/0",
    "LINK_KEYS": json.dumps(KEYS, indent=2),
    "SFMC_CLIENT_SECRET": "$tarts-with-a-dollar-and-has-\\$-in-it",
    "SFMC_PASSWORD": "ends-with-a-space ",
    "SFMC_ACCOUNT_ID": "510001",
    "ADMINS": "ada@example.com,grace@example.com",
}
READ = WRITTEN | {
    "DATABASE_URL": ["ada", "p@ss/word", "db.example.com", 5433, "unsub"],
    "LINK_KEYS": KEYS,
    "SFMC_ACCOUNT_ID": 510001,
    "ADMINS": ["ada@example.com", "grace@example.com"],
    "CELERY_BROKER_URL": WRITTEN["REDIS_URL"],
}


def settings(image: Image, environ: dict[str, str]) -> dict[str, object]:
    """Return the settings of a process with this environment added to a deployment's."""
    done = image.run(
        "python", "-c", SHOW, DJANGO_SETTINGS_MODULE="profilecenter.settings", **environ
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_a_value_is_read_from_a_file_without_its_line_end(
    image: Image, tmp_path: Path, line_end: str
) -> None:
    environ = {}
    for name, value in WRITTEN.items():
        (tmp_path / name).write_text(value + line_end, newline="")
        environ[f"{name}_FILE"] = str(tmp_path / name)
    found = settings(image, environ)
    assert {name: found[name] for name in READ} == READ


def test_a_value_may_contain_any_character(image: Image) -> None:
    environ = {name: WRITTEN[name] for name in ("SFMC_CLIENT_SECRET", "SFMC_PASSWORD")}
    found = settings(image, environ)
    assert {name: found[name] for name in environ} == environ


def test_an_empty_variable_counts_as_not_set(image: Image) -> None:
    names = ("PUBLIC_URL", "SFMC_ACCOUNT_ID", "SFMC_TIMEOUT", "SFMC_SOAP_URL", "ADMINS")
    found = settings(image, dict.fromkeys(names, ""))
    assert found["PUBLIC_URL"] == "http://localhost:8000"
    assert found["SFMC_ACCOUNT_ID"] is None
    assert found["SFMC_TIMEOUT"] == 30.0
    assert found["SFMC_SOAP_URL"] == "https://example.soap.marketingcloudapis.com"


SHOW_HSTS = """
from django.conf import settings as s
print(s.SECURE_HSTS_SECONDS > 0, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)
"""


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, "True False False"),
        ({"HSTS": "subdomains"}, "True True False"),
        ({"HSTS": "preload"}, "True True True"),
        ({"HSTS": "preload", "PUBLIC_URL": "http://mail.example.com"}, "False False False"),
    ],
)
def test_hsts_is_for_the_host_alone_unless_more_is_asked_for(
    image: Image, environ: dict[str, str], found: str
) -> None:
    module = {"DJANGO_SETTINGS_MODULE": "profilecenter.settings"}
    assert image.run("python", "-c", SHOW_HSTS, **module, **environ).stdout.strip() == found
    if environ.get("PUBLIC_URL") is None:
        stores = {
            "REDIS_URL": "redis://:a-password@broker.example.com/0",
            "CACHE_URL": "redis://:a-password@cache.example.com/0",
        }
        done = image.run("python", "manage.py", "check", "--deploy", **stores, **environ)
        assert "no issues" in done.stdout, done.stderr


def test_the_file_has_precedence_over_the_value(image: Image, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-the-file\n")
    found = settings(
        image, {"SFMC_PASSWORD": "direct", "SFMC_PASSWORD_FILE": str(tmp_path / "password")}
    )
    assert found["SFMC_PASSWORD"] == "from-the-file"


def test_a_byte_order_mark_is_not_part_of_a_value(image: Image, tmp_path: Path) -> None:
    environ = {}
    for name in ("SECRET_KEY", "LINK_KEYS", "SFMC_ACCOUNT_ID"):
        (tmp_path / name).write_text(f"{WRITTEN[name]}\r\n", encoding="utf-8-sig", newline="")
        environ[f"{name}_FILE"] = str(tmp_path / name)
    found = settings(image, environ)
    assert found["SECRET_KEY"] == WRITTEN["SECRET_KEY"]
    assert (found["LINK_KEYS"], found["SFMC_ACCOUNT_ID"]) == (KEYS, 510001)


PROGRAMS = {
    "manage.py": ("python", "manage.py", "check"),
    "manage.py of a deployment": ("python", "manage.py", "check", "--deploy"),
    "web": ("gunicorn", "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"),
    "worker": ("celery", "-A", "profilecenter", "worker"),
    "beat": ("celery", "-A", "profilecenter", "beat"),
}
CHECK = PROGRAMS["manage.py"]


def refusal(image: Image, *command: str, **environ: str) -> str:
    """Return the one line with which a program refuses to start."""
    done = image.run(*command, **environ)
    assert done.returncode == 1, done.stderr[-2000:]
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_reports_a_missing_file_in_one_line(image: Image, program: str) -> None:
    line = refusal(image, *PROGRAMS[program], SECRET_KEY_FILE="/run/secrets/none")
    assert line == (
        "SECRET_KEY_FILE: /run/secrets/none does not exist. Make it, or correct the path."
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_reports_a_wrong_value_in_one_line(image: Image, program: str) -> None:
    line = refusal(image, *PROGRAMS[program], LINK_KEYS='{"*": ["s3cret')
    assert line == "LINK_KEYS must be JSON: see line 1, column 8."


def test_a_folder_in_place_of_a_file_is_reported(image: Image, tmp_path: Path) -> None:
    line = refusal(image, *CHECK, LINK_KEYS_FILE=str(tmp_path))
    assert line.startswith(f"LINK_KEYS_FILE: {tmp_path} is a folder.")


def test_a_file_in_place_of_a_folder_is_reported(image: Image, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(image, *CHECK, LINK_KEYS_FILE=str(tmp_path / "file" / "key"))
    assert line == f"LINK_KEYS_FILE: {tmp_path / 'file' / 'key'} cannot be read (Not a directory)."


def test_a_file_in_another_encoding_is_reported(image: Image, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret" * 10, encoding="utf-16")
    line = refusal(image, *CHECK, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert line == f"SECRET_KEY_FILE: {tmp_path / 'key'} is not text in UTF-8."


def test_an_unreadable_file_is_reported(image: Image, tmp_path: Path) -> None:
    # root reads every file by two capabilities; without them the file's mode applies to it, too.
    drop = "-dac_override,-dac_read_search"
    without = ("setpriv", "--bounding-set", drop, "--inh-caps", drop)
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may read every file, and there is no setpriv to make it less")
    prefix = without if os.geteuid() == 0 else ()
    secret = tmp_path / "secret_key"
    secret.write_text("s3cret" * 10)
    secret.chmod(0)
    for program in PROGRAMS.values():
        line = refusal(image, *prefix, *program, SECRET_KEY_FILE=str(secret))
        assert line == (
            f"SECRET_KEY_FILE: {secret} may not be read by user {os.geteuid()}. "
            "Change its mode, or its folder's."
        )


def test_a_secret_passed_as_a_path_is_not_printed(image: Image) -> None:
    line = refusal(image, *CHECK, SECRET_KEY_FILE="s3cret" * 10)
    assert line.startswith("SECRET_KEY_FILE: the file (its path is not absolute) does not exist.")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "", "is not set, nor is SECRET_KEY_FILE"),
        ("DIGEST_KEYS", '["s3cret"]', "must be an object"),
        ("DIGEST_KEYS", '{"s3cret key": "k"}', "each name must be 1 to 16 letters"),
        ("DIGEST_KEYS", '{"1": ["s3cret"]}', "the key 1 must be a text"),
        ("LINK_KEYS", '["s3cret"]', "must be an object"),
        ("LINK_KEYS", '{"s3cret": []}', "each name must be a MID"),
        ("LINK_KEYS", '{"*": "s3cret"}', "each value must be a list"),
        ("LINK_KEYS", '{"*": ["-----BEGIN PUBLIC KEY-----s3cret"]}', "no usable key"),
        ("PUBLIC_URL", "s3cret.example.com", "https:// or http://"),
        ("PUBLIC_URL", "https://s3cret.example.com:port", "https:// or http://"),
        ("PUBLIC_URL", "https://[s3cret", "https:// or http://"),
        ("REDIS_URL", "s3cret:6379", "redis://"),
        ("REDIS_URL", "redis://:s3c/ret@redis:6379/0", "percent-encoded"),
        ("REDIS_URL", "sentinel://:s3cret@redis:26379", "sentinel://:password@host:26379"),
        ("REDIS_URL", "redis+cluster://:s3cret@redis:6379", "A Redis Cluster is not supported"),
        ("CACHE_URL", "rediss+cluster://:s3cret@redis:6379", "A Redis Cluster is not supported"),
        ("RABBITMQ_URL", "redis://:s3cret@redis:6379/0", "amqp:// or amqps://"),
        ("RABBITMQ_URL", "amqp://ada:s3c/ret@rabbit:5672", "percent-encoded"),
        ("DATABASE_URL", "s3cret", "postgres://"),
        ("REPLICA_DATABASE_URL", "sqlite:////s3cret", "both databases must be PostgreSQL"),
        ("REPLICA_DATABASE_URL", "mysql://ada:s3cret@replica/unsub", "postgres://"),
        ("DATABASE_URL", "://ada:s3cret@db.example.com/unsub", "postgres://"),
        ("DATABASE_URL", "mysql://ada:s3cret@db.example.com/unsub", "postgres://"),
        ("DATABASE_URL", "postgres://ada:s3c/ret@db.example.com/unsub", "percent-encoded"),
        ("DATABASE_URL", "postgres://ada:s3cret@db.example.com", "postgres://"),
        ("DATABASE_URL", "postgres://ada:s3cret@db.example.com/unsub?pool=true", "remove `pool`"),
        ("EMAIL_URL", "imap://ada:s3cret@mail.example.com", "smtp+tls://"),
        ("EMAIL_URL", "smtp://ada:s3c/ret@mail.example.com:587", "percent-encoded"),
        ("SFMC_TIMEOUT", "s3cret", "a number"),
        ("SFMC_TIMEOUT", "3O", "a number"),
        ("SFMC_TIMEOUT", "nan", "a number"),
        ("SFMC_ACCOUNT_ID", "s3cret", "a whole number"),
        ("UNDO_SECONDS", "30.5", "a whole number"),
        ("SECOND_FACTOR", "s3cret", "true or false"),
        ("LOG_LEVEL", "s3cret", "one of DEBUG, INFO"),
        ("LOG_FORMAT", "s3cret", "one of json, console"),
        ("HSTS", "s3cret", "one of host, subdomains"),
    ],
)
def test_a_wrong_value_is_reported_by_its_name_only(
    image: Image, name: str, value: str, words: str
) -> None:
    line = refusal(image, *CHECK, **{name: value})
    assert line.startswith(name)
    assert words in line
    assert "s3c" not in line


def test_a_wrong_value_in_a_file_is_reported_with_the_file(image: Image, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("{")
    line = refusal(image, *CHECK, LINK_KEYS_FILE=str(tmp_path / "keys"))
    assert line.startswith(f"LINK_KEYS (in the file {tmp_path / 'keys'}) must be JSON")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_a_value_in_single_quotes_keeps_every_character(
    image: Image, tmp_path: Path, content: bytes
) -> None:
    # Compose reads single quotes this way, and replaces $word without them.
    shutil.copytree(image.folder, tmp_path / "checkout", ignore=shutil.ignore_patterns("static*"))
    env = tmp_path / "checkout" / ".env"
    env.write_bytes(content + b"SFMC_PASSWORD='pa$word # \"x\"'\n  # indented\n")
    checkout = Image(folder=tmp_path / "checkout", environ=image.environ)
    assert settings(checkout, {})["SFMC_PASSWORD"] == 'pa$word # "x"'
    env.write_bytes(content + b"\nSFMC_PASSWORD = s3cret\n")
    line = refusal(checkout, *CHECK)
    assert line == f"{env}, line 2: it must be NAME=value, or a comment."


@pytest.mark.parametrize("words", [["--version"], ["version"], ["show_version"]])
def test_the_version_is_printed_without_any_setting(image: Image, words: list[str]) -> None:
    machine = {name: image.environ[name] for name in ("PATH", "HOME")}
    bare = Image(folder=image.folder, environ=machine)
    start = "Profile Center development (revision unknown, Django 5."
    assert bare.run("python", "manage.py", *words).stdout.startswith(start)
    built = {"PROFILECENTER_VERSION": "1.2.3", "PROFILECENTER_REVISION": "abc1234"}
    done = bare.run("python", "manage.py", *words, **built)
    assert done.stdout.startswith("Profile Center 1.2.3 (revision abc1234, Django 5.")
    assert len(done.stdout.splitlines()) == 1
