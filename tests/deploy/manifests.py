"""The manifests of deploy/kubernetes, parsed."""

import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.steps import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
EXAMPLE = FOLDER / "overlays" / "example"
BUILDING = {"Kustomization", "Component"}
Manifest = dict[str, Any]


def manifests(folder: Path) -> Iterator[Manifest]:
    """Yield the manifests below a folder, without the instructions of kustomize."""
    for path in sorted(folder.rglob("*.yaml")):
        yield from (one for one in parsed(path.read_text()) if one["kind"] not in BUILDING)


def parsed(content: str) -> list[Manifest]:
    """Return the manifests of a file."""
    return [one for one in yaml.safe_load_all(content) if one]


def of_kind(*kinds: str, folder: Path = BASE) -> list[Manifest]:
    """Return the manifests of some kinds."""
    return [one for one in manifests(folder) if one["kind"] in kinds]


@functools.cache
def pods() -> dict[str, Manifest]:
    """Return the specification of each process's pods, by the name of its service in Compose."""
    workloads = of_kind("Deployment", "Job")
    return {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]["template"]["spec"]
        for one in workloads
    }


def container(name: str) -> Manifest:
    """Return the only container of a process's pods."""
    [only] = pods()[name]["containers"]
    assert isinstance(only, dict)
    return only


def environment(name: str) -> dict[str, str]:
    """Return the variables that a process gets from its manifest."""
    return {one["name"]: one["value"] for one in container(name)["env"]}


def generated(kind: str) -> dict[str, Manifest]:
    """Return the generators of the example for a kind (`configMap`, `secret`), by name."""
    overlay = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    return {one["name"]: one for one in overlay[f"{kind}Generator"]}


def build_example(folder: Path, *, kubectl: str) -> list[Manifest]:
    """Return what kubectl makes of the example, with invented secrets in a copy below `folder`."""
    copy = shutil.copytree(FOLDER, folder / "kubernetes")
    overlay = copy / EXAMPLE.relative_to(FOLDER)
    for secret in generated("secret").values():
        for name in secret["files"]:
            (overlay / name).parent.mkdir(exist_ok=True)
            (overlay / name).write_text("invented")
    done = subprocess.run(
        [kubectl, "kustomize", str(overlay)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)
