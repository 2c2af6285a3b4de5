"""A verdict that a deploy step can demand: a signed statement about archives, and what admits it.

The statement is in-toto's, its predicate SLSA's Verification Summary, and the envelope DSSE: other tools read them.
"""

from importlib.util import find_spec

from harness.model import UsageError


def demand_packages(*names: str) -> None:
    """Say what is missing where the extra that signs is not installed.

    Raises:
        UsageError: It is not.
    """
    if not all(find_spec(name) for name in names):
        extra = "sigstore" if "sigstore" in names else "attest"
        raise UsageError(f"signatures need more packages: pip install 'lambda-artifact-harness[{extra}]'")
