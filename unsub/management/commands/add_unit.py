"""manage.py add_unit: create a business unit, or change the given values of an existing one."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from unsub.models import BusinessUnit

_OPTIONS = {
    "name": "the brand name shown to recipients",
    "language": "default language, such as en",
    "accent": "colour of the button, such as #1d4f91",
    "domain": "its own host name, which must be in ALLOWED_HOSTS",
    "contact_email": "contact address for people whose link does not work",
    "confirm_key": "customer key of the triggered send that confirms a subscription",
    "confirm_address_key": "customer key of the triggered send that confirms a new address",
    "address_notice_key": "customer key of the triggered send to the former address",
    "new_link_key": "customer key of the triggered send with a new link",
    "ask_back_key": "customer key of the triggered send that asks back after a pause",
    "address_guard": "told, asked or none: the former address, when the address changes",
    "token_by": "parent or own: the deployment's token, or one by the unit's MID",
    "pause_end_action": "ask or put_back: what happens after a pause",
}

_SWITCHES = {
    "subscriber_key_permission": "off: an email address alone identifies a subscriber",
    "profile_centre": "on: links at /p/ show subscribers their lists, to subscribe and unsubscribe",
    "profile_details": "off: the profile centre does not show attributes",
    "unicode_attributes": "on: attributes may contain any alphabet",
    "protects_details": "off: any link shows, changes and exports a subscriber's details",
    "pause_offered": "on: subscribers may pause a list, or everything",
    "lost_link_form": "on: a page with a bad link offers a form for an address",
}


class Command(BaseCommand):
    """Creates or changes one business unit. Idempotent."""

    help = "Create a business unit, or change the given fields of an existing one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mid", type=int, required=True, help="MID of the unit")
        for name, text in _OPTIONS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", help=text)
        parser.add_argument("--all-subscribers-list-id", type=int, help="ListID of All Subscribers")
        for name, text in _SWITCHES.items():
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, choices=("on", "off"), help=text)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Save the unit. Raises CommandError for invalid values."""
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
        self.stdout.write(
            f"{'Changed' if found else 'Created'} business unit {unit.mid}: {unit.name}"
        )
