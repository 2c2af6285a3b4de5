"""What will be deployed, held against what an account has."""
