"""What the user names, as local archives."""
