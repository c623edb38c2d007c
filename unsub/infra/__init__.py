"""Redis, query time-outs, rate limits, metrics and digests of addresses.

Imports domain.
"""
