"""Chaos test: a whole deployment receives requests while its parts fail in turn."""
