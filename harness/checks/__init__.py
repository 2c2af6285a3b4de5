"""The checks, a module each; none imports another."""
