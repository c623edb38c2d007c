"""The profile centre's data: a subscriber's lists and attributes as Marketing Cloud has them, with
the requests that are still on their way applied on top."""
