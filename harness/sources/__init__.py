"""Archives on this machine and in AWS, as the user names them."""
