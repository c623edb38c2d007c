"""manage.py sign_links: a signed link for each row of a CSV file, streamed."""

import json
import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from unsub.domain.context import ContextError, UnsubContext
from unsub.links.csv_lines import Line, beginning_of, lines, rows_of
from unsub.links.csv_signing import BadHeaderError, Header, Row, read_header, rows, written
from unsub.links.headers import NAME, POST, POST_NAME, list_unsubscribe
from unsub.links.tokens import sign_link
from unsub.management.progress import Progress
from unsub.management.streams import STANDARD, is_same_file, reading, size, standard_output
from unsub.models import BusinessUnit
from unsub.units.opening import only_mid

SAVE_EVERY = 20_000  # rows
TOLD = 20  # refused rows shown on the terminal; all of them are in the file beside OUT


class Command(BaseCommand):
    """Writes IN's rows with a link each to OUT, and refused rows to OUT.refused.csv."""

    help = (
        "Write a signed link for each row of a CSV file. Columns: see docs/links.md. "
        "- is standard input or output; refused rows are then printed to standard error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("infile", type=Path, metavar="IN.csv")
        parser.add_argument("outfile", type=Path, metavar="OUT.csv")
        parser.add_argument(
            "--mid", type=int, help="unit of rows without mid; default: the only unit"
        )
        parser.add_argument("--seal", action="store_true", help="encrypt the links (JWE)")
        parser.add_argument(
            "--headers", action="store_true", help="add both List-Unsubscribe headers as columns"
        )
        parser.add_argument(
            "--resume", action="store_true", help="continue an interrupted run; files only"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the files, or raise CommandError.

        The exit status is 0 also where rows were refused: these are counted and listed.
        """
        if options["resume"] and STANDARD in {options["infile"], options["outfile"]}:
            raise CommandError("--resume needs two files: a pipe cannot be read again")
        with reading(options["infile"]) as infile:
            if is_same_file(infile, options["outfile"]):
                raise CommandError("IN and OUT are the same file: its rows would be lost")
            try:
                self._run(_Job(options), infile, options)
            except BadHeaderError as err:
                raise CommandError(str(err)) from err

    def _run(self, job: "_Job", infile: IO[bytes], options: dict[str, Any]) -> None:
        """Write a row for each line, then print the summary."""
        first = beginning_of(infile)
        head = lines(infile, first.encoding, read=first.read, at=first.mark)
        header, header_line = read_header(head)
        default_mid = options["mid"] or only_mid()
        job.describe(first.encoding, header, header_line, default_mid)
        sign = _Signer(seal=options["seal"])
        progress = Progress(self.stderr, size(infile))
        with job.open() as (out, refused):
            job.begin(header, out, refused)
            rest = job.lines(infile, head, first.encoding, header.delimiter)
            for row in rows(rest, header, default_mid=default_mid, sign=sign):
                job.write(row, header, out, refused)
                if row.refused and (job.refused_file is None or job.refused <= TOLD):
                    self.stderr.write(f"line {row.line}: {row.refused}")
                if (job.signed + job.refused) % SAVE_EVERY == 0:
                    job.save(out, refused)
                if (job.signed + job.refused) % 500 == 0:
                    progress.show(job.offset, f"{job.signed:,} links, {job.refused:,} refused")
            progress.close()
            # Inside the block, because the summary would be false where the reader closed the pipe.
            out.flush()
            self._summary(job, header, first.encoding)
        job.forget()

    def _summary(self, job: "_Job", header: Header, encoding: str) -> None:
        """Print what was read, signed and refused, on standard error where standard output has the
        rows."""
        report = self.stdout if job.refused_file else self.stderr
        where = job.outfile if job.refused_file else "standard output"
        used = [
            f"{name} as {claim}"
            for name, claim in zip(header.names, header.claims, strict=True)
            if claim
        ]
        rows_read = job.signed + job.refused
        report.write(f"{rows_read:,} rows read ({encoding.upper()}): {', '.join(used)}")
        report.write(f"{job.signed:,} links written to {where}")
        if job.refused:
            named = f": {job.refused_file}" if job.refused_file else " above"
            report.write(f"{job.refused:,} rows refused, with their lines{named}")
            for why, number in job.causes.most_common(5):
                report.write(f"  {number:,} x {why}")


class _Signer:
    """Makes the URL of a context under the rules of its unit."""

    def __init__(self, *, seal: bool) -> None:
        self._seal = seal
        self._units = {unit.mid: unit for unit in BusinessUnit.objects.all()}

    def __call__(self, context: UnsubContext) -> str:
        """Return the URL. Raises ValueError for a link that could not be opened."""
        unit = self._units.get(context.mid)
        if context.subscriber.is_email_only and (unit is None or unit.subscriber_key_permission):
            raise ContextError("an address alone does not identify a subscriber in this unit")
        token = sign_link(context, keys=settings.LINK_KEYRING, seal=self._seal)
        return f"{unit.url if unit else settings.PUBLIC_URL}/u/{token}"


class _Job:
    """The files of a run with its position and totals. The saved state outlives the process."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.outfile: Path = options["outfile"]
        to_file = self.outfile != STANDARD
        # With standard output there is no file beside it: refused rows are printed, and no state is
        # kept.
        self.refused_file = self._beside("refused.csv") if to_file else None
        self._state_file = self._beside("state") if to_file else None
        # Standard input cannot be read again.
        self._keeps_state = to_file and options["infile"] != STANDARD
        self._headers: bool = options["headers"]
        self._resumes: bool = options["resume"]
        self._options = {name: options[name] for name in ("mid", "seal", "headers")}
        self._described: dict[str, Any] = {}
        self.line = 0
        self.signed = self.refused = 0
        self.causes: Counter[str] = Counter()
        self.offset = 0
        self._is_resumed = False

    def _beside(self, ending: str) -> Path:
        return self.outfile.with_name(f"{self.outfile.name}.{ending}")

    def describe(self, encoding: str, header: Header, line: Line, default_mid: int | None) -> None:
        """Remember what the rows depend on: a run resumes only with the same."""
        self._described = self._options | {
            "encoding": encoding, "columns": list(header.names), "delimiter": header.delimiter,
            "default_mid": default_mid, "mailto": settings.MAILTO_ADDRESS if self._headers else "",
        }  # fmt: skip
        self.line, self.offset = line.number, line.ends_at

    @contextmanager
    def open(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """Yield the outputs for rows and for refused rows. Files are truncated to the saved
        position. Raises CommandError."""
        if self.refused_file is None:
            with standard_output() as out, Path(os.devnull).open("wb") as refused:
                yield out, refused
            return
        sizes = self._resume()
        try:
            with _cut(self.outfile, sizes[0]) as out, _cut(self.refused_file, sizes[1]) as refused:
                yield out, refused
        except OSError as err:
            raise CommandError(str(err)) from err

    def begin(self, header: Header, out: IO[bytes], refused: IO[bytes]) -> None:
        """Write both headers, unless the resumed run wrote them before."""
        if self._is_resumed:
            return
        more = (NAME, POST_NAME) if self._headers else ()
        out.write(written((*header.names, "link", *more), header.delimiter).encode())
        refused.write(b"line,reason\n")

    def _resume(self) -> tuple[int, int]:
        """Return the saved sizes of both outputs, and take over the saved position. Zeros for a new
        run, which deletes an older state. Raises CommandError for a state that cannot be read, or
        of a run with other options or another file."""
        if not (self._resumes and self._state_file and self._state_file.is_file()):
            self.forget()
            return 0, 0
        try:
            state = json.loads(self._state_file.read_text())
            described, sizes = state["described"], (int(state["out"]), int(state["bad"]))
            self.line, self.signed, self.refused = state["line"], state["signed"], state["refused"]
            self.causes.update(state["causes"])
            self.offset = int(state["offset"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as err:
            raise CommandError(
                f"{self._state_file} cannot be read: start again without --resume"
            ) from err
        other = [name for name, value in self._described.items() if described.get(name) != value]
        if other:
            raise CommandError(
                f"the run to resume had other options or another file ({', '.join(other)}): its "
                "rows would not fit these. Give the same ones, or start again without --resume"
            )
        self._is_resumed = True
        return sizes

    def forget(self) -> None:
        """Delete the state file, if there is one."""
        if self._state_file:
            self._state_file.unlink(missing_ok=True)

    def lines(
        self, infile: IO[bytes], head: Iterator[Line], encoding: str, delimiter: str
    ) -> Iterator[list[Line]]:
        """Yield the lines of each row to sign: behind the header, or behind the saved position."""
        if self._is_resumed:
            infile.seek(self.offset)
            head = lines(infile, encoding, number=self.line, at=self.offset)
        for some in rows_of(head, delimiter):
            self.line, self.offset = some[-1].number, some[-1].ends_at
            yield some

    def write(self, row: Row, header: Header, out: IO[bytes], refused: IO[bytes]) -> None:
        """Write a row to its output."""
        if row.refused:
            self.refused += 1
            self.causes[row.refused] += 1
            refused.write(written((str(row.line), row.refused), ",").encode())
            return
        self.signed += 1
        more = (_header(row.link), POST) if self._headers else ()
        out.write(written((*row.cells, row.link, *more), header.delimiter).encode())

    def save(self, out: IO[bytes], refused: IO[bytes]) -> None:
        """Save the position, after the outputs are on disk."""
        if not (self._keeps_state and self._state_file):
            return
        for file in (out, refused):
            file.flush()
            os.fsync(file.fileno())
        state = {
            "described": self._described, "line": self.line,
            "signed": self.signed, "refused": self.refused,
            "causes": dict(self.causes.most_common(100)), "offset": self.offset,
            "out": out.tell(), "bad": refused.tell(),
        }  # fmt: skip
        fresh = self._state_file.with_name(f"{self._state_file.name}.new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._state_file)


def _header(link: str) -> str:
    """Return the value of List-Unsubscribe, in one line: one line is one row."""
    token = link.rpartition("/")[2]
    return list_unsubscribe(link, token=token, mailto=settings.MAILTO_ADDRESS).value


def _cut(path: Path, size: int) -> IO[bytes]:
    """Return a file, truncated to `size` and open at its end."""
    file = path.open("r+b" if size else "w+b")
    file.truncate(size)
    file.seek(size)
    return file
