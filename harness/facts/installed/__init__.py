"""Installed distributions: their metadata, their requirements and what is left of their files."""
