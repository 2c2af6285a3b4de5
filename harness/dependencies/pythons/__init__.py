"""Which Python the files of a repository name."""
