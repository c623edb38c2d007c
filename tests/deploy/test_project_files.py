"""The files by which others work on the project: workflow, templates, hooks."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check import steps
from scripts.steps import ROOT
from tests.deploy.files import text

WORKFLOW = ".github/workflows/ci.yml"
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def parsed(name: str) -> dict[Any, Any]:
    """Return a YAML file of the checkout."""
    found: dict[Any, Any] = yaml.safe_load(text(name))
    return found


def test_the_workflow_runs_the_two_commands_of_the_documents() -> None:
    [job] = parsed(WORKFLOW)["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-2:] == ["make check", "make test"]
    assert text(".ci/run").splitlines()[-2:] == runs[-2:]
    assert "`make check` and `make test`" in text("CONTRIBUTING.md")
    programs = re.search(r"for program in (.+); do", text(".ci/run"))
    assert programs
    assert shlex.split(runs[0])[-len(programs[1].split()) :] == programs[1].split()


def test_every_action_is_pinned_to_a_commit_and_names_its_version() -> None:
    used = [line.strip("- \n") for line in text(WORKFLOW).splitlines() if "uses:" in line]
    assert len(used) == 2
    assert all(PINNED.match(line) for line in used)


def test_the_workflow_may_only_read() -> None:
    workflow = parsed(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    [job] = workflow["jobs"].values()
    assert "permissions" not in job
    assert job["steps"][0]["with"]["persist-credentials"] is False
    # YAML 1.1 reads `on` as true. No trigger runs the code of a fork with secrets.
    assert set(workflow[True]) == {"push", "pull_request"}


def test_the_workflow_s_python_is_the_image_s() -> None:
    [job] = parsed(WORKFLOW)["jobs"].values()
    version = job["steps"][1]["with"]["python-version"]
    assert f"PYTHON_IMAGE=python:{version}-" in text("Dockerfile")


def test_the_hooks_are_steps_of_make_check() -> None:
    [repository] = parsed(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    known = {step.title: step.command for step in steps()}
    for hook in repository["hooks"]:
        program, *words = shlex.split(hook["entry"])
        command = known[hook["name"]]
        assert Path(program).name == Path(command[0]).name
        assert [word for word in words if word != "--force-exclude"] == list(
            command[1 : len([word for word in words if word != "--force-exclude"]) + 1]
        )
        assert hook["language"] == "system"


def test_updates_are_proposed_for_what_names_versions_of_others() -> None:
    updates = parsed(".github/dependabot.yml")["updates"]
    ecosystems = {update["package-ecosystem"] for update in updates}
    assert ecosystems == {"github-actions", "docker", "docker-compose"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_for_issues_has_what_its_reader_needs(form: Path) -> None:
    found = yaml.safe_load(form.read_text())
    assert set(found) == {"name", "description", "body"}
    fields = [field for field in found["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_vulnerabilities_are_reported_in_private() -> None:
    assert "private security advisory" in text("SECURITY.md")
    assert "SECURITY.md" in text(".github/ISSUE_TEMPLATE/bug.yml")
    assert "(SECURITY.md)" in text("CONTRIBUTING.md")
