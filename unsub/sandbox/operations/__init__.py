"""What the sandbox does on each SOAP call.

Imports soap and world.
"""
