"""`make pin-images`: pin the images of others in Dockerfile and docker-compose.yml.

Each gets the digest that its tag has in the registry now. Needs Docker with buildx, and a registry
that answers; where one digest cannot be read, no file is changed.
"""

import re
import subprocess
import sys
from pathlib import Path

from .steps import ROOT, say

FILES = ("Dockerfile", "docker-compose.yml")
IMAGE = re.compile(
    r"\b(?P<tag>(?:python|postgres|redis|caddy|prom/prometheus|grafana/grafana):[\w.-]+)"
    r"(?:@(?P<digest>sha256:\w+))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PATIENCE = 60  # seconds


class PinError(Exception):
    """A digest cannot be read."""


def main(root: Path = ROOT) -> int:
    """Return 0 if every image has the digest of its tag, else 1."""
    texts = {root / name: (root / name).read_text() for name in FILES}
    tags = sorted({found["tag"] for text in texts.values() for found in IMAGE.finditer(text)})
    try:
        digests = {tag: digest_of(tag) for tag in tags}
    except PinError as err:
        say(f"nothing is changed: {err}")
        return 1
    for path, text in texts.items():
        path.write_text(IMAGE.sub(lambda one: f"{one['tag']}@{digests[one['tag']]}", text))
    for tag, digest in digests.items():
        say(f"{tag}: {digest}")
    return 0


def digest_of(tag: str) -> str:
    """Return the digest of the list of a tag's images, for all platforms. Raises PinError."""
    command = ("docker", "buildx", "imagetools", "inspect", tag, "--format")
    try:
        said = subprocess.run(  # noqa: S603
            (*command, "{{.Manifest.Digest}}"), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if not DIGEST.fullmatch(said):
        raise PinError(f"the registry names no digest of {tag}")
    return said


if __name__ == "__main__":
    sys.exit(main())
