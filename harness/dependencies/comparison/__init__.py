"""The four lists that must agree: declared, locked, build input, built."""
