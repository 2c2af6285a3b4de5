"""The folder that everything is cached in: atomic, sealed, locked, counted, pruned."""
