"""The state of one verification: archives and their facts, the runtime's answers, settings."""
