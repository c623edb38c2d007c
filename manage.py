#!/usr/bin/env python
"""Django's command line for Profile Center."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "profilecenter.settings")
    if sys.argv[1:] in (["--version"], ["version"]):
        # Django would print its own version.
        sys.argv[1:] = ["show_version"]
    if sys.argv[1:2] in (["sandbox"], ["show_version"]):
        # These have no use for our settings: they start without any.
        os.environ.setdefault("SECRET_KEY", "unused")
    execute_from_command_line(sys.argv)
