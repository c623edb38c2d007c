"""Delivers requests to Marketing Cloud: claim rows, call, settle, and react to trouble.

Imports outbox, units, gateway, models, infra and domain.
"""
