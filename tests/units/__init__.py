"""Tests of unsub.gateway, on a database and a broker."""
