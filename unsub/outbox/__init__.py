"""Accepts requests and writes them: every write of a new request goes through here.

`api` is what pages, the admin and commands call. Imports units, gateway, models, links, infra and
domain.
"""
