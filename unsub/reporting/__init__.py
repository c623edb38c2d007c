"""Reads what was requested and delivered: overview, counts, latency, timeline, exports.

Imports models and domain; writes nothing but counts and digests.
"""
