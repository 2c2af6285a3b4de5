"""Starts built AWS Lambda archives as Lambda does, and fails before the deploy does.

pytest reads this word here: PYTEST_DONT_REWRITE, see ``harness.plugin``.
"""

__version__ = "0.1.0"
