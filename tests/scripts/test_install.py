"""uv uses the package indexes that pip is configured with."""

import pytest

from scripts.install import uv_environ


def test_uv_uses_the_index_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example.com/ https://b.example.com/")
    environ = uv_environ()
    assert environ["UV_DEFAULT_INDEX"] == "https://packages.example.com/simple"
    assert environ["UV_INDEX"] == "https://a.example.com/ https://b.example.com/"


def test_settings_of_uv_have_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example.com/simple")
    assert uv_environ()["UV_DEFAULT_INDEX"] == "https://uv.example.com/simple"


def test_another_active_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    assert uv_environ()["VIRTUAL_ENV"].endswith(".venv")
