"""Starts built AWS Lambda archives as Lambda does, and fails before the deploy does."""

__version__ = "0.1.0"
