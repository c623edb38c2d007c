"""Find packages in the locks that could be installed only on the machine that wrote them.

Needs no network: the tags of the installed packages say whether a package is compiled.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .steps import ROOT, say

PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;]+)")
TAG = re.compile(r"^Tag: (?P<tag>\S+)$", re.MULTILINE)
# One file for one platform, and the sources.
TOO_FEW = 2


@dataclass(slots=True, kw_only=True)
class Pin:
    """One entry of a lock."""

    lock: str
    name: str
    version: str
    hashes: int = 0


def main() -> int:
    """Return 1 if a lock works for one platform or Python only, or the locks disagree, else 0."""
    locks = [list(_pins(path)) for path in sorted((ROOT / "requirements").glob("*.txt"))]
    pins = [pin for lock in locks for pin in lock]
    findings = [*_one_platform(pins, _compiled(distributions())), *_versions(pins)]
    for finding in findings:
        say(finding)
    return 1 if findings else 0


def _pins(path: Path) -> Iterator[Pin]:
    """Return the entries of a lock, each with the number of its hashes."""
    pin = None
    for line in path.read_text().splitlines():
        if found := PIN.match(line):
            if pin:
                yield pin
            name, version = _normal(found["name"]), found["version"]
            pin = Pin(lock=f"requirements/{path.name}", name=name, version=version)
        if pin:
            pin.hashes += line.count("--hash=")
    if pin:
        yield pin


def _normal(name: str) -> str:
    """Return a package's name as the locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _compiled(installed: Iterable[Distribution]) -> set[tuple[str, str]]:
    """Return name and version of the installed packages that are built for one platform."""
    return {
        (_normal(distribution.name), distribution.version)
        for distribution in installed
        if any(
            not tag.endswith("-any") for tag in TAG.findall(distribution.read_text("WHEEL") or "")
        )
    }


def _one_platform(pins: Iterable[Pin], compiled: set[tuple[str, str]]) -> Iterator[str]:
    for pin in pins:
        if (pin.name, pin.version) in compiled and pin.hashes <= TOO_FEW:
            yield (
                f"{pin.lock}: {pin.name} is compiled, and has hashes for one platform only."
                " Was the package index used? Run `make lock`"
            )


def _versions(pins: Iterable[Pin]) -> Iterator[str]:
    """Yield a message for each package with more than one version."""
    versions: dict[str, set[str]] = {}
    for pin in pins:
        versions.setdefault(pin.name, set()).add(pin.version)
    for name, found in versions.items():
        if len(found) > 1:
            yield (
                f"requirements: {name} has several versions ({', '.join(sorted(found))}): one of"
                " them would be shipped untested. Constrain it in base.in, with the reason"
            )


if __name__ == "__main__":
    sys.exit(main())
