"""`make test` repeats a few failed tests once, alone, and says which."""

from pathlib import Path

import pytest

from scripts import browser, steps, test

# Fails the first time in a folder, and passes from then on.
ONCE = """
from pathlib import Path

def test_once():
    mark = Path(__file__).with_suffix(".seen")
    was_there = mark.exists()
    mark.touch()
    assert was_there
"""
ALWAYS = "def test_always():\n    assert not 1\n"
FINE = "def test_fine():\n    pass\n"


class Project:
    """A project with tests of its own, in which `make test` runs."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root, self._monkeypatch = root, monkeypatch
        (root / "pytest.ini").write_text("[pytest]\naddopts = -p xdist\n")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
        self._suites: list[test.Suite] = []

    def has(self, folder: str, text: str, *options: str) -> None:
        """Add a folder of tests, as a suite."""
        path = self._root / "tests" / folder
        path.mkdir(parents=True)
        (path / f"test_{folder}.py").write_text(text)
        self._suites.append((f"the {folder}, all", (folder,), options))

    def run(self, *arguments: str) -> int:
        """Return the status of `make test`."""
        for module in (steps, test):
            self._monkeypatch.setattr(module, "ROOT", self._root)
        self._monkeypatch.setattr(browser, "ensure", lambda: "none")
        self._monkeypatch.setattr(test, "SUITES", self._suites)
        self._monkeypatch.setattr(test, "ROWS", (self._suites[:1], self._suites[1:]))
        return test.main(list(arguments))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project."""
    return Project(tmp_path, monkeypatch)


def test_what_fails_once_is_repeated_alone_and_named(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.has("web", FINE + ONCE, "-n", "2")
    project.has("links", FINE)
    assert project.run() == 0
    output = capfd.readouterr().out
    assert "1 failed, 1 passed" in output, "the first failure stays to be read"
    assert "1 passed" in output.partition("== once more: the web, all")[2]
    assert (
        "tests/web/test_web.py::test_once (the web, all)" in output.partition(test.FAILED_ONCE)[2]
    )
    assert "once more: the links" not in output
    assert project.run() == 0
    assert "once more" not in capfd.readouterr().out, "the failure of an earlier run"


def test_what_fails_twice_fails(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project.has("web", FINE + ALWAYS)
    project.has("links", ONCE)
    assert project.run() == 1
    output = capfd.readouterr().out
    assert "once more: the web, all: failed with 1" in output
    assert "test_web.py" not in output.partition(test.FAILED_ONCE)[2]


@pytest.mark.parametrize("folder", test.NEVER_REPEATED)
def test_what_looks_for_rare_faults_is_not_repeated(
    project: Project, capfd: pytest.CaptureFixture[str], folder: str
) -> None:
    project.has(folder, ONCE)
    project.has("web", FINE)
    assert project.run() == 1
    assert "once more" not in capfd.readouterr().out


def test_many_failures_are_not_repeated(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    number = test.REPEATED_MAX + 1
    project.has("web", "".join(ALWAYS.replace("always", str(at)) for at in range(number)))
    project.has("links", FINE)
    assert project.run() == 1
    assert "once more" not in capfd.readouterr().out


@pytest.mark.parametrize("text", ["import nothing_like_this\n", "def broken(:\n"])
def test_what_cannot_be_collected_fails(
    project: Project, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    project.has("web", text)
    project.has("links", FINE)
    assert project.run() != 0
    assert "once more" not in capfd.readouterr().out


def test_with_arguments_nothing_is_repeated(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.has("web", ONCE)
    project.has("links", FINE)
    assert project.run("-k", "once") == 1
    assert "once more" not in capfd.readouterr().out
