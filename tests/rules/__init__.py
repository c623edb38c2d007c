"""The rules that need nothing but themselves: outcomes, and how long to wait."""
