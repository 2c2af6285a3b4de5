"""Alembic environments and their revisions."""
