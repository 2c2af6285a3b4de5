"""The permissions of a function's role, where the same template declares it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from harness.discovery.cloudformation.intrinsics import unknown
from harness.discovery.document import mapping
from harness.manifest.permissions import Permissions, Statement
from harness.policy.permissions import of_managed, of_templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.discovery.cloudformation.template import Template

_ROLE: Final = "AWS::IAM::Role"
_MANAGED: Final = "AWS::IAM::ManagedPolicy"
_ATTACHED: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", _MANAGED)
# What SAM gives the role that it makes (aws-sam-translator, sam_resources.py and eventsources/pull.py).
_BASIC: Final = "AWSLambdaBasicExecutionRole"
_BY_PROPERTY: Final = {
    "DurableConfig": "AWSLambdaBasicDurableExecutionRolePolicy",
    "Tracing": "AWSXrayWriteOnlyAccess",
    "VpcConfig": "AWSLambdaVPCAccessExecutionRole",
}
_BY_EVENT: Final = {
    "SQS": "AWSLambdaSQSQueueExecutionRole",
    "Kinesis": "AWSLambdaKinesisExecutionRole",
    "DynamoDB": "AWSLambdaDynamoDBExecutionRole",
    "MSK": "AWSLambdaMSKExecutionRole",
}
_BY_DESTINATION: Final = {
    "SQS": ("sqs:SendMessage",),
    "SNS": ("sns:Publish",),
    "Lambda": ("lambda:InvokeFunction",),
    "EventBridge": ("events:PutEvents",),
    "S3Bucket": ("s3:PutObject", "s3:ListBucket"),
}
_CONNECTOR: Final = "AWS::Serverless::Connector"


@dataclass
class Roles:
    """The roles of a template; each is read once, whichever functions have it."""

    template: Template
    _known: dict[str, Permissions] = field(default_factory=dict)

    def permissions(self, name: str, raw: Mapping[str, Any], *, serverless: bool) -> Permissions:
        """What the role of a function allows.

        Args:
            name: The function's logical id.
            raw: Its properties, with SAM's ``Globals``, before they are evaluated.
            serverless: Whether it is SAM's, which makes a role where none is named.
        """
        reader = _Reader(self.template)
        if serverless and "Role" not in raw:
            reader.implied(raw)
            return reader.permissions(name)
        role = reader.referred(raw.get("Role"), "Arn")
        if role is None or self.template.resources[role][0].get("Type") != _ROLE:
            return Permissions(None, self.template.shown)
        if role not in self._known:
            reader.role(role, mapping(self.template.resources[role][0].get("Properties")), self._attached)
            self._known[role] = reader.permissions(role)
        return self._known[role]

    @cached_property
    def _attached(self) -> list[dict[str, Any]]:
        """The properties of the policies that name the roles which they are for."""
        found = (one for one, _ in self.template.resources.values() if one.get("Type") in _ATTACHED)
        evaluate = self.template.evaluator.value
        return [mapping(evaluate(mapping(one.get("Properties")))) for one in found if self.template.exists(one)]


@dataclass
class _Reader:
    template: Template
    statements: list[Statement] = field(default_factory=list)
    wider: list[str] = field(default_factory=list)
    narrower: list[str] = field(default_factory=list)

    def permissions(self, name: str) -> Permissions:
        """What was read, of a resource."""
        several = (tuple(self.statements), tuple(dict.fromkeys(self.wider)), tuple(dict.fromkeys(self.narrower)))
        return Permissions(self.template.where(name), self.template.shown, *several)

    def implied(self, raw: Mapping[str, Any]) -> None:
        """The role that SAM makes for a function."""
        events = (mapping(one).get("Type") for one in mapping(raw.get("Events")).values())
        named = [_BY_PROPERTY[key] for key in _BY_PROPERTY if raw.get(key, "Disabled") != "Disabled"]
        for policy in dict.fromkeys((_BASIC, *named, *(_BY_EVENT[kind] for kind in events if kind in _BY_EVENT))):
            self._allow(of_managed()[policy])
        config = mapping(mapping(raw.get("EventInvokeConfig")).get("DestinationConfig"))
        for target in (raw.get("DeadLetterQueue"), *config.values()):
            self._allow(_BY_DESTINATION.get(str(mapping(target).get("Type")), ()))
        self.wider += ["a connector"] if any(self.template.declared([_CONNECTOR])) else []
        self._boundary(raw)
        for policy in self._each(raw.get("Policies")):
            match policy:
                case {"Statement": _}:
                    self._document(policy)
                case {**one} if found := of_templates().get(str(next(iter(one), None))):
                    self._allow(found)
                case _:
                    self._attached(policy)

    def role(self, name: str, raw: Mapping[str, Any], attached: Iterable[Mapping[str, Any]]) -> None:
        """A role of the template, with those of the policies that are attached to it."""
        self._boundary(raw)
        for policy in self._each(raw.get("Policies")):
            self._document(mapping(policy).get("PolicyDocument"))
        for policy in self._each(raw.get("ManagedPolicyArns")):
            self._attached(policy)
        own = self.template.evaluator.value({"Ref": name})
        for properties in attached:
            if own in [*(properties.get("Roles") or ()), properties.get("RoleName")]:
                self._document(properties.get("PolicyDocument"))

    def referred(self, raw: object, attribute: str | None) -> str | None:
        """The resource of the template that a value refers to, by its name or by an attribute."""
        for one in self._each(raw):
            match one:
                case {"Ref": str(name)} if attribute is None and name in self.template.resources:
                    return name
                case {"Fn::GetAtt": [str(name), str(of)]} if of == attribute and name in self.template.resources:
                    return name
                case {"Fn::GetAtt": str(text)} | {"Fn::Sub": str(text)}:
                    name, _, of = text.removeprefix("${").removesuffix("}").partition(".")
                    if of == attribute and name in self.template.resources:
                        return name
                case _:
                    pass
        return None

    def _each(self, raw: object) -> Iterator[Any]:
        """The items of a list, or the one that stands for a list; of a condition those that hold."""
        match raw:
            case None | {"Ref": "AWS::NoValue"}:
                return
            case list():
                for one in raw:
                    yield from self._each(one)
            case {"Fn::If": [str(condition), yes, no]}:
                holds = self.template.evaluator.condition(condition)
                if holds is not None:
                    yield from self._each(yes if holds else no)
                    return
                self.wider.append(f"the condition {condition}")
                if '"Deny"' in json.dumps(raw):
                    self.narrower.append(f"the condition {condition}")
            case _:
                yield raw

    def _boundary(self, raw: Mapping[str, Any]) -> None:
        self.narrower += ["a permissions boundary"] if any(self._each(raw.get("PermissionsBoundary"))) else []

    def _attached(self, raw: object) -> None:
        """A managed policy: one of the template, or one that is known by its name alone."""
        own = self.referred(raw, None)
        if own is not None and self.template.resources[own][0].get("Type") == _MANAGED:
            self._document(mapping(self.template.resources[own][0].get("Properties")).get("PolicyDocument"))
            return
        name = str(self.template.evaluator.value(raw)).rpartition("/")[2]
        if name in of_managed():
            self._allow(of_managed()[name])
        else:
            self.wider.append(f"the managed policy {name}")

    def _allow(self, actions: tuple[str, ...]) -> None:
        self.statements.append(Statement(allows=True, actions=actions))

    def _document(self, raw: object) -> None:
        for one in self._each(raw):
            for statement in self._each(mapping(one).get("Statement")):
                self._statement(mapping(self.template.evaluator.value(statement)))

    def _statement(self, value: Mapping[str, Any]) -> None:
        allows, others = value.get("Effect") == "Allow", "NotAction" in value
        actions = value.get("NotAction" if others else "Action")
        actions = actions if isinstance(actions, list) else [actions]
        if missing := unknown([actions, value.get("Effect")]):
            (self.wider if allows else self.narrower).append(missing[0])
            return
        limited = "Condition" in value or not (allows or value.get("Resource") in ("*", ["*"]))
        self.statements.append(Statement(allows, tuple(map(str, actions)), others, limited))
