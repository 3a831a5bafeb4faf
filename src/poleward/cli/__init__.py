"""The command line: it parses, calls, and prints."""

from poleward.cli.app import main

__all__ = ["main"]
