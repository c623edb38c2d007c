"""The language of a page: the link's, the browser's, the unit's."""

import pytest
from django.test import Client, RequestFactory

from unsub.web import middleware
from unsub.web.language import choose_language


@pytest.mark.parametrize(
    ("link", "header", "unit", "chosen"),
    [
        ("de_DE", "fr", "", "de"),
        ("de-AT", "", "", "de"),
        ("pt_PT", "", "", "pt"),
        ("zh-CN", "", "", "zh-hans"),
        ("zh-Hans-SG", "", "", "zh-hans"),
        ("zh-TW", "", "", "en"),
        ("zh_TW", "ja", "", "ja"),
        ("zh-Hant-HK", "", "de", "de"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", "de", "en"),  # as browsers in Taiwan ask
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "", "zh-hans"),
        (None, "zh-HK,en;q=0.8", "de", "en"),
        ("xx", "yy", "zz", "en"),
    ],
)
def test_the_language_is_the_first_that_there_is(
    link: str | None, header: str, unit: str, chosen: str
) -> None:
    request = RequestFactory().get("/", headers={"Accept-Language": header})
    assert choose_language(request, link=link, unit=unit) == chosen


def _fails(*_: object) -> None:
    raise RuntimeError


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [("", "de", "de"), ("?lang=fr", "de", "fr"), ("", "", "en"), ("?" + "&" * 700, "de", "en")],
)
def test_error_pages_are_in_the_reader_s_language(
    client: Client, monkeypatch: pytest.MonkeyPatch, query: str, header: str, language: str
) -> None:
    headers = {"Accept-Language": header}
    answers = [client.get(f"/u/x{query}", headers=headers | {"Host": "other.example"})]
    monkeypatch.setattr(middleware, "_to_https", _fails)
    client.raise_request_exception = False
    answers.append(client.get(f"/u/x{query}", headers=headers))
    assert [answer.status_code for answer in answers] == [400, 500]
    for answer in answers:
        assert f'<html lang="{language}"' in answer.content.decode()
