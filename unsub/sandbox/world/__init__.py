"""What the sandbox remembers: subscribers, lists, journal, and the rules of Marketing Cloud.

Imports nothing else of the sandbox.
"""
