"""What a repository declares: pyproject.toml, Pipfile, setup.cfg, requirements files."""
