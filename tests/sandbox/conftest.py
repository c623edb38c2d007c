"""Fixtures: a sandbox and a caller for each test."""

from collections.abc import Iterator

import pytest

from tests.sandbox.talk import Caller
from unsub.sandbox import Sandbox


@pytest.fixture
def sfmc() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def caller(sfmc: Sandbox) -> Iterator[Caller]:
    with Caller(sfmc.url) as caller:
        yield caller
