"""The profile centre: what a person gets from a sender and what is known of them, as Marketing
Cloud has it, with what they asked for a moment ago laid over it."""
