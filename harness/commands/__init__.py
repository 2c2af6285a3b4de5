"""What each command does, with the options that the command line gave: modules that import what theirs need."""
