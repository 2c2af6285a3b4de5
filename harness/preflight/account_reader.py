"""Read an account: at most three calls for each function, without the further pages of lists."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness.policy.account import requests_per_second
from harness.preflight import responses
from harness.preflight.account import LATEST, Account, CodeSigning, DeployedFunction, FunctionVersion, Undone
from harness.preflight.rate_limit import Pace
from harness.sources.aws import AwsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_lambda import LambdaClient

    from harness.preflight.account import Storage
    from harness.preflight.deployment import Planned
    from harness.sources.aws import Aws

T = TypeVar("T")
R = TypeVar("R")

WORKERS: Final = 16
PAGE: Final = 50
"""What Lambda puts on a page."""
OF_ALIASES: Final = ("alias-missing", "alias-behind", "alias-latest")
OF_CODE: Final = ("code-goes-back",)
OF_FUNCTION: Final = (
    "function-missing",
    "function-package",
    "update-unfinished",
    "platform",
    "variables",
    "layer-undeclared",
    "layer-behind",
    "layer-goes-back",
    "layer-deleted",
    "siblings",
    "tenancy",
    *OF_ALIASES,
    *OF_CODE,
)
"""What can say nothing of a function that may not be asked for."""
OF_OTHERS: Final = ("layer-shared",)
_MISSING: Final = "ResourceNotFoundException"
_DENIED: Final = {"AccessDenied", "AccessDeniedException"}
_OF_ONE: Final = {*_DENIED, _MISSING}
"""Refusals that say nothing of what the next call will be answered."""


class Unreachable(Exception):  # noqa: N818 - a reason, which becomes a skip
    """No call is answered; the message is one sentence that says why."""


@dataclass
class Reader:
    """Asks, by several threads at a time.

    Attributes:
        aws: The user's session.
        progress: Takes what is being done.
        regions: Those that were asked.
    """

    aws: Aws
    progress: Callable[[str], None]
    regions: list[str] = field(default_factory=list)
    _undone: list[Undone] = field(default_factory=list)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def functions(self, planned: Sequence[Planned]) -> Account:
        """The functions, with the configurations that their aliases point to.

        Raises:
            Unreachable: There are no credentials, no region, no network.
        """
        by_region: dict[str | None, list[Planned]] = {}
        for one in planned:
            by_region.setdefault(one.region, []).append(one)
        found: dict[str, DeployedFunction] = {}
        missing: list[str] = []
        for region, ones in by_region.items():
            known = self._first(region, ones[0])
            asked = self.together(partial(self._function, known), ones, f"asking AWS about {len(ones):,} functions")
            for one, deployed in zip(ones, asked, strict=True):
                if isinstance(deployed, DeployedFunction):
                    found[one.name] = deployed
                elif deployed is None:
                    missing.append(one.name)
        return Account(found, tuple(missing), undone=tuple(self._undone), regions=tuple(dict.fromkeys(self.regions)))

    def others(
        self, planned: Sequence[Planned], regions: Sequence[str]
    ) -> tuple[tuple[FunctionVersion, ...], tuple[Undone, ...]]:
        """The functions of these regions that the manifest does not name."""
        found, undone = list[FunctionVersion](), list[Undone]()
        known = {one.function.rpartition(":")[2] for one in planned}
        for region in regions:
            self.progress("asking AWS for all functions")
            try:
                call = partial(self.aws.client("lambda", region).list_functions, MaxItems=PAGE)
                each = responses.each("Functions", responses.live)
                pages = self.pages(region, "ListFunctions", "the functions", call, each)
                found += [live for page in pages for live in page if live.name not in known]
            except AwsUnavailable as reason:
                undone.append(Undone(OF_OTHERS, None, str(reason)))
        return tuple(found), tuple(undone)

    def storage(self, regions: Sequence[str | None]) -> tuple[tuple[Storage, ...], tuple[Undone, ...]]:
        """The room for archives in each region."""
        found, undone = list[Any](), list[Undone]()
        for region in regions:
            try:
                client = self.aws.client("lambda", region)
                parse = partial(responses.storage, region=client.meta.region_name)
                found.append(self.ask(region, "GetAccountSettings", "the account", client.get_account_settings, parse))
            except AwsUnavailable as reason:
                undone.append(Undone(("code-storage",), None, str(reason)))
        return tuple(found), tuple(undone)

    def signing(self, regions: Sequence[str]) -> tuple[tuple[CodeSigning, ...], tuple[Undone, ...]]:
        """The code signing configurations of each region, with the functions that have them."""
        found, undone = list[CodeSigning](), list[Undone]()
        for region in regions:
            try:
                client, each = self.aws.client("lambda", region), responses.each
                parse = each("CodeSigningConfigs", responses.code_signing)
                call = partial(client.list_code_signing_configs, MaxItems=PAGE)
                pages = self.pages(region, "ListCodeSigningConfigs", "code signing configurations", call, parse)
                for config in [config for page in pages for config in page]:
                    of = partial(client.list_functions_by_code_signing_config, CodeSigningConfigArn=config.arn)
                    arns = each("FunctionArns", str)
                    listed = self.pages(region, "ListFunctionsByCodeSigningConfig", config.arn, of, arns)
                    found.append(replace(config, functions=frozenset(arn for page in listed for arn in page)))
            except AwsUnavailable as reason:
                undone.append(Undone(("code-signing",), None, str(reason)))
        return tuple(found), tuple(undone)

    def ask(self, region: str | None, name: str, resource: str, call: Callable[[], T], parse: Callable[[T], R]) -> R:
        """Make one call, when it is its turn, and parse its answer.

        Raises:
            AwsUnavailable: AWS did not answer, or refused, or answered in a way that is not understood.
        """
        endpoint = self.aws.client("lambda", region).meta.endpoint_url
        with self._lock:
            # The quota is AWS's; an endpoint of the user's own has none.
            quota = requests_per_second() if ".amazonaws.com" in endpoint else None
            pace = self._paces.setdefault(endpoint, Pace(quota))
        return pace.ask(name, resource, lambda: parse(call()))

    def together(self, do: Callable[[T], R], ones: Sequence[T], doing: str) -> list[R]:
        """Do something for each, several at a time, in their order."""
        done = 0
        self.progress(doing)

        def one(value: T) -> R:
            nonlocal done
            result = do(value)
            with self._lock:
                done += 1
                if done * 10 // len(ones) != (done - 1) * 10 // len(ones):
                    self.progress(f"{doing}: {done:,} done")
            return result

        pool = ThreadPoolExecutor(min(WORKERS, len(ones)) or 1)
        try:
            return list(pool.map(one, ones))
        finally:
            pool.shutdown(cancel_futures=True)

    def _first(self, region: str | None, one: Planned) -> dict[str, FunctionVersion]:
        """The first function, by its ARN: whether anything will be answered, before it is asked for a hundred times.

        Raises:
            Unreachable: Nothing will.
        """
        try:
            self.regions.append(self.aws.client("lambda", region).meta.region_name)
            found = self._configuration(region, one, None)
        except AwsUnavailable as reason:
            if reason.code not in _OF_ONE:
                raise Unreachable(str(reason)) from None
            return {}
        return {found.arn: found}

    def pages(
        self, region: str | None, name: str, resource: str, call: Callable[..., Any], parse: Callable[[Any], R]
    ) -> Iterator[R]:
        """Every page of a list, parsed.

        Raises:
            AwsUnavailable: AWS did not answer, or refused, or answered in a way that is not understood.
        """

        def whole(page: Any) -> tuple[R, str | None]:  # noqa: ANN401 - the SDK's, a type for each call
            return parse(page), page.get("NextMarker")

        marker: dict[str, str] = {}
        while True:
            rows, following = self.ask(region, name, resource, partial(call, **marker), whole)
            yield rows
            if not following:
                return
            marker = {"Marker": following}

    def _configuration(self, region: str | None, one: Planned, version: str | None) -> FunctionVersion:
        client: LambdaClient = self.aws.client("lambda", region)
        named: dict[str, Any] = {"FunctionName": one.function, **({"Qualifier": version} if version else {})}
        call = partial(client.get_function_configuration, **named)
        resource = _resource(one.function)
        return self.ask(region, "GetFunctionConfiguration", resource, call, lambda said: responses.live(dict(said)))

    def _function(self, known: dict[str, FunctionVersion], one: Planned) -> DeployedFunction | Undone | None:
        """A function; None where there is none."""
        try:
            fits = (live for live in known.values() if one.function in (live.name, live.arn))
            latest = next(fits, None) or self._configuration(one.region, one, None)
        except AwsUnavailable as reason:
            if reason.code == _MISSING:
                return None
            return self._leave(Undone(OF_FUNCTION, one.name, str(reason)))
        # Without its alias, what callers get is not known.
        unknown = (*OF_ALIASES, *OF_CODE, "siblings") if one.alias else OF_ALIASES
        try:
            client = self.aws.client("lambda", one.region)
            resource, call = _resource(one.function), partial(client.list_aliases, FunctionName=one.function)
            pages = self.pages(one.region, "ListAliases", resource, call, responses.each("Aliases", responses.alias))
            aliases = tuple(alias for page in pages for alias in page)
        except AwsUnavailable as reason:
            self._leave(Undone(unknown, one.name, str(reason)))
            return DeployedFunction(latest, None)
        numbers = {number for alias in aliases for number in (alias.version, *dict(alias.others))} - {LATEST}
        try:
            return DeployedFunction(latest, aliases, tuple(self._versions(one, numbers)))
        except AwsUnavailable as reason:
            self._leave(Undone(unknown, one.name, str(reason)))
            return DeployedFunction(latest, aliases)

    def _versions(self, one: Planned, numbers: set[str]) -> list[FunctionVersion]:
        """What is published: all of it, where an archive is to be looked for in it; else what aliases point to.

        Raises:
            AwsUnavailable: What aliases point to could not be asked for.
        """
        if one.code.code_sha256 is None and len(numbers) < 2:  # noqa: PLR2004 - one call for each, or one for all
            return [self._configuration(one.region, one, number) for number in numbers]
        client = self.aws.client("lambda", one.region)
        call = partial(client.list_versions_by_function, FunctionName=one.function, MaxItems=PAGE)
        parse, resource = responses.each("Versions", responses.live), _resource(one.function)
        try:
            pages = list(self.pages(one.region, "ListVersionsByFunction", resource, call, parse))
        except AwsUnavailable as reason:
            self._leave(Undone(OF_CODE, one.name, str(reason)))
            return [self._configuration(one.region, one, number) for number in sorted(numbers)]
        every = one.code.code_sha256 is not None
        return [
            live for page in pages for live in page if live.version in numbers or (every and live.version != LATEST)
        ]

    def _leave(self, undone: Undone) -> Undone:
        with self._lock:
            self._undone.append(undone)
        return undone


def _resource(function: str) -> str:
    """A function as messages and policies name it."""
    return function if function.startswith("arn:") else f"function:{function}"
