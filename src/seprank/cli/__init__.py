"""The command line, `seprank`."""

from .app import app, main

__all__ = ["app", "main"]
