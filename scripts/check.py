"""The steps of `make check`. All of them run, even if an earlier one failed."""

import json
import os
import secrets
import sys

from .steps import ROOT, Step, files, say, tool

PYTHON = tool("python")


def deployment_environ() -> dict[str, str]:
    """Return the environment of a deployment without any warning: https, long keys."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DEBUG": "false",
        "PUBLIC_URL": "https://mail.example.com",
        "ALLOWED_HOSTS": "mail.example.com",
        "LINK_KEYS": json.dumps({"*": [secrets.token_urlsafe(32)]}),
        "DIGEST_KEYS": json.dumps({"1": secrets.token_urlsafe(32)}),
        "REDIS_URL": f"redis://:{secrets.token_hex(8)}@redis:6379/0",
        "CACHE_URL": f"redis://:{secrets.token_hex(8)}@cache:6379/0",
        "SFMC_SUBDOMAIN": "example",
        "SFMC_CLIENT_ID": secrets.token_hex(8),
        "SFMC_CLIENT_SECRET": secrets.token_hex(16),
        "SFMC_ACCOUNT_ID": "510001",
        "ADMINS": "operator@example.com",
        "EMAIL_URL": "smtp+tls://user:password@smtp.example.com:587",
    }


def steps() -> tuple[Step, ...]:
    """Return the steps, roughly from the fastest to the slowest."""
    templates = files("*.html", "templates", "unsub")
    manage = (PYTHON, "manage.py")
    deployment = deployment_environ()
    return (
        Step(title="locks have no URL", command=(PYTHON, "-m", "scripts.addresses")),
        Step(title="locks work on every platform", command=(PYTHON, "-m", "scripts.locks")),
        Step(title="ruff", command=(tool("ruff"), "check", ".")),
        Step(title="ruff format", command=(tool("ruff"), "format", "--check", ".")),
        Step(
            title="djade",
            command=(tool("djade"), "--check", "--target-version", "5.2", *templates),
        ),
        Step(title="translations", command=(PYTHON, "-m", "scripts.messages", "check")),
        Step(title="import-linter", command=(tool("lint-imports"), "--no-logo")),
        Step(
            title="deployment settings",
            command=(*manage, "check", "--deploy", "--fail-level", "WARNING"),
            environ=deployment,
        ),
        Step(
            title="migrations",
            command=(*manage, "makemigrations", "--check", "--dry-run"),
            environ=deployment | {"DATABASE_URL": "sqlite://:memory:"},
        ),
        Step(title="mypy", command=(tool("mypy"), "."), environ=deployment),
    )


def main() -> int:
    """Return 0 if every step passed, else 1; prints the names of the failed ones."""
    failed = [step.title for step in steps() if step.run()]
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
