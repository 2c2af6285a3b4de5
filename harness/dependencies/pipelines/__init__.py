"""Caches of CI pipelines, and the shell scripts in them."""
