"""Tests of unsub.audit, on a database and a broker."""
