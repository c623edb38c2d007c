"""Signed links: claims, keys, tokens, signing in bulk, AMPscript, confirmation links.

Imports domain.
"""
