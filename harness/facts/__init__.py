"""Facts of archives, without a judgement."""

from typing import Final

SCHEMA: Final = 49
"""Raised with every change of what is found or how it is written, so that older facts are not taken for newer."""
