"""Locks are made from the package index alone."""

import pytest

from scripts.lock import lock_environ, without_hashes
from scripts.steps import ROOT


def test_find_links_and_extra_indexes_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://more.example.com/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    monkeypatch.setenv("PIP_CERT", "authority.pem")
    environ = lock_environ()
    assert environ["UV_DEFAULT_INDEX"] == "https://packages.example.com/simple"
    assert "SSL_CERT_FILE" in environ
    assert not {"UV_FIND_LINKS", "UV_INDEX"} & set(environ)


@pytest.mark.parametrize("name", ["UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL"])
def test_settings_of_uv_add_no_source(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "wheels")
    assert name not in lock_environ()


def test_pins_are_kept_and_hashes_removed() -> None:
    lock = "yarl==1.25.1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via aiohttp\n"
    assert without_hashes(lock) == "yarl==1.25.1\n    # via aiohttp\n"


@pytest.mark.parametrize("name", ["base", "build", "dev", "uv", "audit"])
def test_every_requirements_list_has_a_lock(name: str) -> None:
    assert (ROOT / "requirements" / f"{name}.in").is_file()
    assert "--hash=" in (ROOT / "requirements" / f"{name}.txt").read_text()
