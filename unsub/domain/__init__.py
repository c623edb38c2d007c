"""Rules and values with no input or output: contexts, outcomes, retries, masks, texts.

Imports the values and errors of `sfmc`; neither Django nor zeep.
"""
