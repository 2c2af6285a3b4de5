"""What the role of a function allows, as far as the template says that declares both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.model import Place


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy, without its resources.

    Attributes:
        allows: Whether it allows, else denies.
        actions: As they are written: ``dynamodb:Get*``.
        others: Whether it is about every action but these (``NotAction``).
        limited: Whether it holds under a condition only, or denies for some resources only.
    """

    allows: bool
    actions: tuple[str, ...]
    others: bool = False
    limited: bool = False

    def covers(self, action: str) -> bool:
        """Whether it is about an action."""
        return any(_pattern(one).fullmatch(action) for one in self.actions) is not self.others


@dataclass(frozen=True, slots=True)
class Permissions:
    """The statements of a function's role.

    Attributes:
        role: Where it is declared; None where the template does not have it as one of IAM.
        file: The template, as reports name it.
        wider: What may allow more, and is not read: ``the managed policy AmazonS3FullAccess``.
        narrower: What may forbid, and is not read: ``a permissions boundary``.
    """

    role: Place | None
    file: str
    statements: tuple[Statement, ...] = ()
    wider: tuple[str, ...] = ()
    narrower: tuple[str, ...] = ()

    def grants(self, action: str) -> tuple[bool | None, str]:
        """Whether the role allows an action on any resource, and why; None where the template does not tell."""
        if self.role is None:
            return None, f"unknown: {self.file} has no AWS::IAM::Role of the function"
        about = [one for one in self.statements if one.covers(action)]
        denying, allowing = ([one for one in about if one.allows is side] for side in (False, True))
        where = f"the role in {self.role}"
        if any(not one.limited for one in denying):
            return False, f"denied by {where}"
        unsure = ("a Deny for some resources or under a condition",) if denying else self.narrower
        if allowing and unsure:
            return None, f"unknown: {unsure[0]} of {where} may forbid it"
        if any(not one.limited for one in allowing):
            return True, f"granted by {where}"
        unsure = ("a condition",) if allowing else self.wider
        return (None, f"unknown: {unsure[0]} of {where} decides") if unsure else (False, f"not granted by {where}")


@cache
def _pattern(action: str) -> re.Pattern[str]:
    """IAM's wildcards; case is of no account (IAM user guide, page reference_policies_elements_action)."""
    return re.compile(re.escape(action).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE)
