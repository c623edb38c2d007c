"""uv takes packages from where the machine's pip takes them."""

import pytest

from scripts.install import uv_environ


def test_the_index_of_pip_is_the_index_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example.com/ https://b.example.com/")
    environ = uv_environ()
    assert environ["UV_DEFAULT_INDEX"] == "https://packages.example.com/simple"
    assert environ["UV_INDEX"] == "https://a.example.com/ https://b.example.com/"


def test_what_is_set_for_uv_itself_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example.com/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example.com/simple")
    assert uv_environ()["UV_DEFAULT_INDEX"] == "https://uv.example.com/simple"


def test_another_active_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    assert uv_environ()["VIRTUAL_ENV"].endswith(".venv")
