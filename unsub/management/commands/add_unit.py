"""manage.py add_unit: make a business unit, or change what is given of one that is there."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from unsub.models import BusinessUnit

_OPTIONS = {
    "name": "the brand, as recipients know it",
    "language": "the language of people whose own we do not have, such as en",
    "accent": "the colour of the button, such as #1d4f91",
    "domain": "its own host name, which has to be in ALLOWED_HOSTS",
    "contact_email": "where somebody whose link does not work can write to",
    "confirm_key": "customer key of the triggered send that confirms joining a list",
    "confirm_address_key": "customer key of the one that confirms a new address",
    "new_link_key": "customer key of the one that mails a new link",
    "ask_back_key": "customer key of the one that asks back after a pause",
    "pause_ends": "ask or put_back: what happens after a pause",
}

_SWITCHES = {
    "subscriber_key_permission": "off: an e-mail address alone names a subscriber",
    "profile_centre": "on: links at /p/ show people their lists, and let them leave and join any",
    "profile_details": "off: the profile centre does not show what is known of people",
    "unicode_attributes": "on: details may be written in any alphabet",
    "pause_offered": "on: people may pause a list, or everything",
    "lost_link_form": "on: a page with a bad link offers a form for an address",
}


class Command(BaseCommand):
    """Makes or changes one business unit; doing it twice changes nothing."""

    help = "Make a business unit, or change what is given of one that is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--mid", type=int, required=True, help="its member ID")
        for name, text in _OPTIONS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", help=text)
        parser.add_argument("--all-subscribers-list-id", type=int, help="its All Subscribers list")
        for name, text in _SWITCHES.items():
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, choices=("on", "off"), help=text)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write the unit, or raise CommandError for values that cannot be."""
        names = (*_OPTIONS, "all_subscribers_list_id")
        given = {name: options[name] for name in names if options[name] is not None}
        given |= {name: options[name] == "on" for name in _SWITCHES if options[name]}
        found = BusinessUnit.objects.filter(mid=options["mid"]).first()
        unit = found or BusinessUnit(mid=options["mid"])
        for name, value in given.items():
            setattr(unit, name, value)
        try:
            unit.full_clean(validate_unique=False)
        except ValidationError as err:
            raise CommandError(
                "; ".join(f"{k}: {' '.join(v)}" for k, v in err.message_dict.items())
            ) from err
        unit.save()
        self.stdout.write(f"{'Changed' if found else 'Made'} business unit {unit.mid}: {unit.name}")
