"""Seals of the audit: making, verifying and exporting them (docs/adr/0028)."""
