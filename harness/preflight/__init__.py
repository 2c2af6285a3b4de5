"""The manifest compared with what an account has."""
