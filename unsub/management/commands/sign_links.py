"""manage.py sign_links: a signed link for each row of a CSV file, streamed."""

import json
import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from unsub.context import ContextError, UnsubContext
from unsub.link_files import BadHeader, Header, Row, rows, written
from unsub.links import sign_link
from unsub.management.progress import Progress
from unsub.models import BusinessUnit
from unsub.units import only_mid

SAVE_EVERY = 20_000  # rows
TOLD = 20  # refused rows on the terminal; all of them are in the file beside OUT
POST = "List-Unsubscribe=One-Click"


class Command(BaseCommand):
    """Writes IN's rows with a link each to OUT, and what was refused to OUT.refused.csv."""

    help = "Write a signed link for each row of a CSV file. Columns: see docs/links.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("infile", type=Path, metavar="IN.csv")
        parser.add_argument("outfile", type=Path, metavar="OUT.csv")
        parser.add_argument(
            "--mid", type=int, help="of rows that name no unit; default: the only one"
        )
        parser.add_argument("--seal", action="store_true", help="encrypt what the links say (JWE)")
        parser.add_argument(
            "--headers", action="store_true", help="add both List-Unsubscribe headers as columns"
        )
        parser.add_argument("--resume", action="store_true", help="go on where a run was stopped")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the files, or raise CommandError. Status 0 also where rows were refused: they are
        counted and named."""
        if options["outfile"].exists() and options["outfile"].samefile(options["infile"]):
            raise CommandError("IN and OUT are the same file: its rows would be lost")
        job = _Job(options)
        try:
            with options["infile"].open("rb") as infile:
                self._run(job, infile, options)
        except (OSError, BadHeader) as err:
            raise CommandError(str(err)) from err
        job.state_file.unlink(missing_ok=True)
        self._summary(job)

    def _run(self, job: "_Job", infile: IO[bytes], options: dict[str, Any]) -> None:
        """Write a row for each line."""
        header = Header.of(infile.readline())
        sign = _Signer(seal=options["seal"])
        default_mid = options["mid"] or only_mid()
        progress = Progress(self.stderr, options["infile"].stat().st_size)
        with job.open(header, infile) as (out, refused):
            lines = job.lines(infile)
            for row in rows(lines, header, default_mid=default_mid, sign=sign):
                job.write(row, header, out, refused)
                if row.refused and job.refused <= TOLD:
                    self.stderr.write(f"line {row.line}: {row.refused}")
                if row.line % SAVE_EVERY == 0:
                    job.save(out, refused)
                if row.line % 500 == 0:
                    progress.show(infile.tell(), f"{job.signed:,} links, {job.refused:,} refused")
        progress.close()

    def _summary(self, job: "_Job") -> None:
        """Say what came of it."""
        self.stdout.write(f"{job.signed:,} links written to {job.outfile}")
        if job.refused:
            self.stdout.write(
                f"{job.refused:,} rows refused, each with its line: {job.refused_file}"
            )
            for why, number in job.causes.most_common(5):
                self.stdout.write(f"  {number:,} x {why}")


class _Signer:
    """Makes the URL of a context, by the rules of its unit."""

    def __init__(self, *, seal: bool) -> None:
        self._seal = seal
        self._units = {unit.mid: unit for unit in BusinessUnit.objects.all()}

    def __call__(self, context: UnsubContext) -> str:
        """Return the URL; raises ValueError for a link that would not open."""
        unit = self._units.get(context.mid)
        if context.subscriber.is_email_only and (unit is None or unit.subscriber_key_permission):
            raise ContextError("an address alone names nobody in this unit")
        token = sign_link(context, keys=settings.LINK_KEYRING, seal=self._seal)
        return f"{unit.url if unit else settings.PUBLIC_URL}/u/{token}"


class _Job:
    """The files of a run, how far it came, and its sums. What was saved outlives the process."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.outfile: Path = options["outfile"]
        self.refused_file = self.outfile.with_name(f"{self.outfile.name}.refused.csv")
        self.state_file = self.outfile.with_name(f"{self.outfile.name}.state")
        self._headers: bool = options["headers"]
        self._resumes: bool = options["resume"] and self.state_file.is_file()
        self.line = 1
        self.signed = self.refused = 0
        self.causes: Counter[str] = Counter()
        self._offset = 0

    def open(self, header: Header, infile: IO[bytes]) -> "_Outputs":
        """Return the two files, cut to what was saved, with the input at the line after it."""
        if not self._resumes:
            outputs = _Outputs(self.outfile, self.refused_file, sizes=(0, 0))
            more = ("List-Unsubscribe", "List-Unsubscribe-Post") if self._headers else ()
            names = (*header.names, "link", *more)
            outputs.out.write(written(names, header.delimiter).encode())
            outputs.refused.write(b"line,reason\n")
            self._offset = infile.tell()
            return outputs
        state = json.loads(self.state_file.read_text())
        self.line, self.signed, self.refused = state["line"], state["signed"], state["refused"]
        self.causes.update(state["causes"])
        infile.seek(state["offset"])
        self._offset = state["offset"]
        return _Outputs(self.outfile, self.refused_file, sizes=(state["out"], state["bad"]))

    def lines(self, infile: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Give the numbered lines."""
        for line in iter(infile.readline, b""):
            self.line += 1
            self._offset += len(line)
            yield self.line, line

    def write(self, row: Row, header: Header, out: IO[bytes], refused: IO[bytes]) -> None:
        """Write a row to the file where it belongs."""
        if row.refused:
            self.refused += 1
            self.causes[row.refused] += 1
            refused.write(written((str(row.line), row.refused), ",").encode())
            return
        self.signed += 1
        more = (f"<{row.link}>", POST) if self._headers else ()
        out.write(written((*row.cells, row.link, *more), header.delimiter).encode())

    def save(self, out: IO[bytes], refused: IO[bytes]) -> None:
        """Note how far the files are right, once they are on the disk."""
        for file in (out, refused):
            file.flush()
            os.fsync(file.fileno())
        state = {
            "line": self.line, "signed": self.signed, "refused": self.refused,
            "causes": dict(self.causes.most_common(100)), "offset": self._offset,
            "out": out.tell(), "bad": refused.tell(),
        }  # fmt: skip
        fresh = self.state_file.with_name(f"{self.state_file.name}.new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self.state_file)


class _Outputs:
    """The two files, closed together."""

    def __init__(self, out: Path, refused: Path, *, sizes: tuple[int, int]) -> None:
        self.out, self.refused = (
            _cut(path, size) for path, size in zip((out, refused), sizes, strict=True)
        )

    def __enter__(self) -> tuple[IO[bytes], IO[bytes]]:
        """Return them."""
        return self.out, self.refused

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self.out.close()
        self.refused.close()


def _cut(path: Path, size: int) -> IO[bytes]:
    """Return a file open at its new end."""
    file = path.open("r+b" if size else "w+b")
    file.truncate(size)
    file.seek(size)
    return file
