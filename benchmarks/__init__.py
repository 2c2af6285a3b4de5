"""Benchmarks, and the craters: runs over popular distributions and public applications."""
