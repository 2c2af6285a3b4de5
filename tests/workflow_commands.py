"""What CI services take for commands to them, and what else no line of any output may have."""

from __future__ import annotations

import re

COMMAND = re.compile(
    r"""
      (?m: ^ \s* :: )                       # GitHub
    | \#\# \w* \[                           # GitHub, Azure
    | section_ (?: start | end ) : \d       # GitLab
    | [\x00-\x08\x0b-\x1f\x7f-\x9f]         # whatever moves a terminal's cursor
    | [\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]
    """,
    re.VERBOSE,
)
