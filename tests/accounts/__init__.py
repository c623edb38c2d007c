"""Tests of unsub.accounts, on a database and a broker."""
