"""The command line, one command a file: parse, call the public API, print."""

from lgn_edge.cli.app import app, main

__all__ = ["app", "main"]
