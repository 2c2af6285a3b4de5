"""Dependencies as the user's repository has them: declared, locked, requested by the build; and as they were built."""
