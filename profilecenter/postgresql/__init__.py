"""Django's PostgreSQL backend with a client-side time-out, also behind a connection pooler."""
