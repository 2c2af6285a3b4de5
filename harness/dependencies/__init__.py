"""What the user's repository says: what is declared, locked and built from, by which Python, and what was stamped."""
