"""Random input for everything that reads the input of others."""
