"""The difference that a release makes: its archives and what they contain, against those of another one."""
