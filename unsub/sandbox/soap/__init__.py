"""SOAP messages and the WSDL as the sandbox reads and writes them.

Imports world.
"""
