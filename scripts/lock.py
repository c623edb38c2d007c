"""Write the hashed locks: requirements/*.in -> requirements/*.txt. Arguments go to uv.

Pins stay as they are unless told otherwise: `make lock ARGS=--upgrade`.
"""

import subprocess
import sys

from scripts.install import BIN, ROOT, uv_environ

NAMES = ("uv", "base", "dev")
# One lock for every platform and for each Python from 3.11 on, with no address in it.
OPTIONS = (
    "--quiet", "--generate-hashes", "--universal", "--python-version", "3.11", "--no-header",
    "--no-emit-index-url", "--no-emit-find-links",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Return 0 once every lock is written."""
    for name in NAMES:
        source = f"requirements/{name}.in"
        command = [str(BIN / "uv"), "pip", "compile", *OPTIONS, *arguments, source]
        command += ["--output-file", f"requirements/{name}.txt"]
        subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=uv_environ(), stdin=subprocess.DEVNULL, check=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
