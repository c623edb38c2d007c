"""`make sbom`: what a deployment is made of, into var/sbom: sbom.json (CycloneDX), licences.txt and
advisories.txt.

Ends with 1 where a package has a known vulnerability. Where no list of advisories can be reached,
it says so and ends with 0: that is no finding, and no clean bill either.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .install import BIN, ROOT, uv_environ
from .steps import say

OUTPUT = ROOT / "var" / "sbom"
DEPLOYMENT = ROOT / "requirements" / "base.txt"
TOOLS = ROOT / "requirements" / "audit.txt"
UNKNOWN = "not named by the package"
NOT_CHECKED = "advisories were NOT checked: no list of advisories can be reached from here"
PATIENCE = 300  # seconds


def main() -> int:
    """Return 1 if a package of the deployment has a known vulnerability, 2 if its packages cannot
    be installed here, else 0."""
    try:
        tools, deployment = (environment(lock) for lock in (TOOLS, DEPLOYMENT))
    except subprocess.CalledProcessError:
        say("nothing is listed: the package index did not give what the locks name; see above")
        return 2
    OUTPUT.mkdir(parents=True, exist_ok=True)
    bill = write_bill(tools, deployment)
    licences = sorted(licence_lines(bill))
    (OUTPUT / "licences.txt").write_text("".join(f"{line}\n" for line in licences))
    say(f"{len(licences)} packages: {OUTPUT.relative_to(ROOT)}/sbom.json and licences.txt")
    found = advisories(tools)
    told = [NOT_CHECKED] if found is None else found or ["no known vulnerability"]
    (OUTPUT / "advisories.txt").write_text("".join(f"{line}\n" for line in told))
    for line in told:
        say(line)
    return 1 if found else 0


def environment(lock: Path) -> Path:
    """Return the bin folder of a virtual environment that has exactly the packages of a lock."""
    folder = ROOT / "var" / "environments" / f"sbom-{lock.stem}"
    environ = uv_environ() | {"VIRTUAL_ENV": str(folder), "UV_PYTHON": str(folder / "bin/python")}
    for command in (
        ("venv", "--quiet", "--clear", "--python", sys.executable, str(folder)),
        ("pip", "sync", "--quiet", "--require-hashes", str(lock)),
    ):
        subprocess.run(  # noqa: S603
            (str(BIN / "uv"), *command), cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=True
        )
    return folder / "bin"


def write_bill(tools: Path, deployment: Path) -> dict[str, Any]:
    """Write the bill of materials of an environment, and return it."""
    target = OUTPUT / "sbom.json"
    subprocess.run(  # noqa: S603
        (
            str(tools / "cyclonedx-py"), "environment", str(deployment / "python"),
            "--output-reproducible", "--of", "JSON", "--output-file", str(target),
        ),
        cwd=ROOT, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    bill: dict[str, Any] = json.loads(target.read_text())
    return bill


def licence_lines(bill: dict[str, Any]) -> Iterator[str]:
    """Yield name, version and licence of each package of a bill of materials."""
    for part in bill.get("components", ()):
        named = (one.get("expression") or _licence(one) for one in part.get("licenses", ()))
        licences = ", ".join(sorted({name for name in named if name})) or UNKNOWN
        yield f"{part['name']} {part['version']}: {licences}"


def _licence(entry: dict[str, Any]) -> str:
    """Return the identifier of a licence, or its name where it has no identifier."""
    licence = entry.get("license", {})
    # Some packages give the whole text as the name.
    return str(licence.get("id") or licence.get("name") or "").strip().partition("\n")[0]


def advisories(tools: Path) -> list[str] | None:
    """Return a line for each known vulnerability of the deployment, or None where no list of
    advisories can be reached."""
    done = subprocess.run(  # noqa: S603
        (
            str(tools / "pip-audit"), "--requirement", str(DEPLOYMENT), "--require-hashes",
            "--disable-pip", "--format", "json", "--progress-spinner", "off",
        ),
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    return advisory_lines(done.stdout)


def advisory_lines(report: str) -> list[str] | None:
    """Return a line for each vulnerability in a report of pip-audit; None where there is none, and
    a package was not looked up."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    lines = [
        f"{package['name']} {package['version']}: {found['id']},"
        f" mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    is_complete = packages and not any("skip_reason" in package for package in packages)
    return lines if lines or is_complete else None


if __name__ == "__main__":
    sys.exit(main())
