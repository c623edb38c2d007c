"""Delivers requests to Marketing Cloud: claim rows, call, settle, and react to failures.

Imports outbox, units, gateway, models, links, infra and domain.
"""
