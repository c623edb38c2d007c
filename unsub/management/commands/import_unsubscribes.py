"""manage.py import_unsubscribes: unsubscribes that were made elsewhere, from a CSV file."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from time import sleep
from typing import IO, Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from unsub.domain.context import Scope
from unsub.management.arguments import whole_number
from unsub.management.streams import reading, writing
from unsub.models import BusinessUnit, ImportStatus, UnsubscribeImport
from unsub.outbox import imports
from unsub.outbox.imports import ChoiceError, FileError, errors, files
from unsub.outbox.imports.rows import FIELD_NAMES, Field

_WRONG = {
    "empty": "the file is empty",
    "too_large": f"the file is larger than {files.SIZE_MAX // 2**20} MB: split it",
    "workbook": "the file is a spreadsheet: save it as CSV UTF-8",
    "binary": "the file is no text",
    "no_subscriber": "no column names the subscriber: give --column sid=1, sk=1 or em=1",
    "twice": "two fields have the same column",
    "no_column": "the file does not have that many columns",
}
_WAIT = 0.5  # seconds, while a worker is at it
_IN_MEMORY = 8 * 1024 * 1024


class Command(BaseCommand):
    """Checks a file, prints what its rows are, and imports them."""

    help = (
        "Import unsubscribes from a CSV file into the outbox, each as a request. The columns are "
        "found by their names: see docs/imports.md. - is standard input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--mid", type=whole_number, required=True, help="business unit of all rows"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="check the file only, and delete it again"
        )
        parser.add_argument(
            "--column", action="append", default=[], metavar="FIELD=NUMBER",
            help=f"column of a field, from 1; repeatable. Fields: {', '.join(Field)}",
        )  # fmt: skip
        parser.add_argument("--no-header", action="store_true", help="the first line is a row")
        parser.add_argument(
            "--scope", choices=[one.value for one in Scope], default=Scope.LIST.value,
            help="of all rows, where no column has it; default: list",
        )  # fmt: skip
        parser.add_argument(
            "--errors", type=Path, metavar="OUT.csv", help="write the rows with an error to a file"
        )
        parser.add_argument("--user", help="user name that is recorded as who imported")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check and import. Raises CommandError."""
        unit = BusinessUnit.objects.filter(mid=options["mid"]).first()
        if unit is None:
            raise CommandError(f"there is no business unit {options['mid']}")
        user_id = _user_id(options["user"])
        try:
            with reading(options["file"]) as file, _seekable(file) as whole:
                job = imports.receive(unit, whole, user_id=user_id)
            self._check(job, options)
        except (FileError, ChoiceError) as err:
            raise CommandError(_WRONG[err.problem]) from err
        if options["dry_run"]:
            imports.cancel(job)
            return
        imports.start(job, user_id=user_id)
        _run(job)
        if job.status == ImportStatus.DONE:
            self.stdout.write(f"import {job.pk}: {job.accepted:,} requests made")
            self._write_errors(job, options["errors"])
        else:
            self.stdout.write(
                f"import {job.pk}: {job.accepted:,} requests made so far; the queue of the unit is "
                "full, and the workers go on with it"
            )

    def _check(self, job: UnsubscribeImport, options: dict[str, Any]) -> None:
        """Read all rows, and print what they are. Raises ChoiceError and CommandError; the file is
        deleted then."""
        try:
            columns = {Field(name): at for name, at in job.columns.items()}
            columns |= dict(map(_column, options["column"]))
            imports.check(
                job, encoding=job.encoding, delimiter=job.delimiter, columns=columns,
                has_header=job.has_header and not options["no_header"],
                scope=Scope(options["scope"]),
            )  # fmt: skip
        except (ChoiceError, CommandError):
            imports.cancel(job)
            raise
        _run(job)
        if job.status != ImportStatus.CHECKED:
            imports.cancel(job)
            raise CommandError(
                f"the file was not checked: it has more than {files.ROWS_MAX:,} rows, or somebody "
                "cancelled it"
            )
        found = ", ".join(
            f"{FIELD_NAMES[of]} in column {columns[of] + 1}" for of in Field if of in columns
        )
        self.stdout.write(f"import {job.pk}: {job.rows:,} rows ({job.encoding}): {found}")
        self.stdout.write(f"{job.accepted:,} new, {job.repeated:,} already requested")
        self.stdout.write(f"{job.refused:,} with an error")
        self._write_errors(job, options["errors"])

    def _write_errors(self, job: UnsubscribeImport, path: Path | None) -> None:
        """Write the file of errors, or the first of them to standard error."""
        if path is not None:
            with writing(path, self.stdout) as write:
                for line in errors.csv_of(job):
                    write(line)
        elif job.refused:
            for number, line in enumerate(errors.csv_of(job)):
                if number > 20:
                    break
                self.stderr.write(line.rstrip())


def _run(job: UnsubscribeImport) -> None:
    """Check or write an import, or wait while a worker does, who was told of it and may be faster.
    Returns before the end only where the unit's queue stays full."""
    imports.run(job.pk)
    job.refresh_from_db()
    while job.is_active and job.lease is not None:
        sleep(_WAIT)
        imports.run(job.pk)
        job.refresh_from_db()


def _column(text: str) -> tuple[Field, int]:
    """Return a field and the position of its column, from 0. Raises CommandError."""
    name, _, number = text.partition("=")
    if name not in set(Field) or not number.isdigit() or not 0 < int(number) < 1000:
        raise CommandError(f"{text} is not a field and the number of a column, such as sk=2")
    return Field(name), int(number) - 1


def _user_id(name: str | None) -> int | None:
    if name is None:
        return None
    found = User.objects.filter(username=name).values_list("pk", flat=True).first()
    if found is None:
        raise CommandError(f"there is no user {name}")
    return found


def _seekable(file: IO[bytes]) -> IO[bytes]:
    """Return a copy of a file or a pipe that can be read again. Raises FileError for more than an
    import may have."""
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    size = 0
    for block in iter(lambda: file.read(files.PART), b""):
        size += len(block)
        if size > files.SIZE_MAX:
            raise FileError("too_large")
        copy.write(block)
    copy.seek(0)
    return copy
