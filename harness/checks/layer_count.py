from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.model import Finding


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """No function has more layers than Lambda allows.

    ## Why it matters

    A function may have five layers, those that an extension or a monitoring product adds among them. A sixth makes
    `update-function-configuration` fail, after the code was already updated.

    ## How to fix

    Merge layers that change together into one, or move the rarely changing part into the code archive.
    """
    limit, layers = subject.policy.limits.layers, subject.bundle.layers
    if not layers:
        raise Inapplicable("no layers are declared")
    if len(layers) > limit:
        yield Finding(
            f"{len(layers)} layers, and Lambda allows {limit}",
            ", ".join(layer.source for layer in layers),
            remedy=f"merge them into {limit} or fewer",
        )
