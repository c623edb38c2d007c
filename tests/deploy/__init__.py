"""Tests of the parts of a deployment: image, compose file, documents, real processes."""
