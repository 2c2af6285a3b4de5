"""``python -m harness`` and the command ``lambda-artifact``: the one place that ends the process.

The code is 3 until a run has returned another: nothing that ends it otherwise may count as a pass.
"""

import gc
import os
import signal
import sys

INCOMPLETE, INTERRUPTED = 3, 130


def main() -> None:
    """Run the command and exit with its code."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:  # and not a job in the background, which is born deaf to it
        # Modules that are half-loaded make a traceback of a Ctrl-C, and there is nothing yet to be cleaned up.
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    gc.disable()  # what is imported stays: to look for garbage among it is a tenth of a short run
    from harness.cli import run  # noqa: PLC0415 - Ctrl-C may come as early as this

    def loaded() -> None:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, heard)

    code = INCOMPLETE
    try:
        code = run(sys.argv[1:], os.environ, loaded)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - SystemExit(0) among them
        sys.stderr.write(f"lambda-artifact: ended by {type(error).__name__}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
