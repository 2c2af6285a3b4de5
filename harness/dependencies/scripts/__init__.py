"""Shell scripts, as far as they can be read without being run: which files' digests end in which names."""
