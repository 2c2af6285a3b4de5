"""What one verification holds: archives, what is known of them, the runtime's answers, settings."""
