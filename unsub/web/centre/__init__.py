"""The profile centre's pages: what a subscriber receives, what is stored about them, and changing
both (design 3.1)."""
