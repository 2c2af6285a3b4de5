"""Files that code accesses, starts or looks for, and files that are not what their names say."""
