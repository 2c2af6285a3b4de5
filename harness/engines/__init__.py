"""What runs things: the Lambda image through Docker, or CPython on this machine."""
