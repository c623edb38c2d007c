"""The profile centre: what a person gets from a sender, as Marketing Cloud has it."""
