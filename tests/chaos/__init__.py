"""A whole deployment under a stream of wishes, while everything in it fails in turn."""
