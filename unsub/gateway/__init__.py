"""Calls Marketing Cloud as the settings say: client, credentials, tokens, catalogue, concurrency.

Imports models, infra, domain and `sfmc`.
"""
