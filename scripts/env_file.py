"""Check .env before Docker Compose reads it; needs only the Python of the host.

    python3 scripts/env_file.py [FILE]        default: .env

Compose and Django read the same file differently: Compose replaces `$word`, except in single
quotes, and treats ` #` as a comment. Reports values that the two would read differently, and names
that nothing reads. Values are never printed.
"""

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / ".env.example"
BYTE_ORDER_MARK = "\ufeff"
_OFFERED = re.compile(r"^#?([A-Z][A-Z_]+)=", re.MULTILINE)
_LINE = re.compile(r"(?:export )?([A-Za-z_0-9]+)=(.*)")
_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")


def main(arguments: list[str]) -> int:
    """Return 0 without findings, else 1; prints a line for each finding."""
    path = Path(arguments[0]) if arguments else ROOT / ".env"
    try:
        text = path.read_bytes().decode()
    except OSError as err:
        return _report([f"{path}: {err.strerror}"])
    except UnicodeDecodeError:
        return _report([f"{path}: is not in UTF-8"])
    return _report([f"{path}:{number}: {finding}" for number, finding in findings(text)])


def _report(lines: list[str]) -> int:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


def findings(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, finding)."""
    known = set(_OFFERED.findall(EXAMPLE.read_text(encoding="utf-8")))
    lines_of: dict[str, int] = {}
    if text.startswith(BYTE_ORDER_MARK):
        yield 1, "begins with a byte order mark: save the file without one"
    for number, line in enumerate(text.removeprefix(BYTE_ORDER_MARK).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            yield number, "is not NAME=value; no spaces are allowed before the name or the ="
            continue
        name, value = parts.groups()
        yield from ((number, f"{name} {finding}") for finding in _of_name(name, known, lines_of))
        yield from ((number, f"{name} {finding}") for finding in _of_value(value))
        lines_of[name] = number


def _of_name(name: str, known: set[str], lines_of: dict[str, int]) -> Iterator[str]:
    """Yield what is wrong with a name."""
    if name in lines_of:
        yield f"is also in line {lines_of[name]}"
    if name.removesuffix("_FILE") not in known:
        near = difflib.get_close_matches(name, known, n=1)
        yield f"is not a setting{f': {near[0]}?' if near else ''}"


def _of_value(value: str) -> Iterator[str]:
    """Yield what is wrong with a value, without repeating it."""
    if not value.strip("'\" "):
        yield "is empty: the default applies"
    elif value[0] in "'\"" and not _QUOTED.fullmatch(value):
        yield (
            "has a quote or a backslash within its quotes, or text after them: "
            "put the value into a file, and its path into NAME_FILE"
        )
    elif "$" in value and value[0] != "'":
        yield "has a $, which Compose replaces: put the value into single quotes"
    elif value[0] not in "'\"" and re.search(r"\s#", value):
        yield "has a # after a space, which Compose treats as a comment: use single quotes"
    elif value != value.strip():
        yield "has spaces around it, which Compose drops: use single quotes, or none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
