"""manage.py database_roles: the rights of the database role that web, worker and commands use."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from unsub.management import roles


class Command(BaseCommand):
    """Prints the statements that give a role its rights."""

    help = (
        "Print the SQL that gives a database role the rights of web, worker and commands, and "
        "takes all others: it cannot truncate or alter a table, nor delete or rewrite evidence. To "
        "be run as the owner of the tables, after each migration. migrate does the same for the "
        "user of RUN_DATABASE_URL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="name of the role, which is not the owner of the tables")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the statements. Raises CommandError."""
        try:
            found = roles.statements(options["role"])
        except roles.RoleError as err:
            raise CommandError(str(err)) from None
        self.stdout.write("".join(f"{one};\n" for one in found), ending="")
