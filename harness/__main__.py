"""``python -m harness`` and the command ``lambda-artifact``: the one place that ends the process."""

import os
import sys

from harness.cli import run


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
