"""A module per command: its parser and what it does.

The command line loads the module of the command that was asked for, to parse its options. What the command itself needs
takes longer to import than ``--help`` may take, so each module imports that where it is used.
"""
