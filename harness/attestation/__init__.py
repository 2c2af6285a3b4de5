"""A verdict that a deploy step can demand: a signed statement about archives, and what admits it.

The statement is in-toto's, its predicate SLSA's Verification Summary, and the envelope DSSE: other tools read them.
"""

from importlib.util import find_spec

from harness.model import UsageError


def demand_packages() -> None:
    """Say what is missing where the extra that signs is not installed.

    Raises:
        UsageError: It is not.
    """
    if not (find_spec("securesystemslib") and find_spec("cryptography")):
        raise UsageError("signatures need more packages: pip install 'lambda-artifact-harness[attest]'")
