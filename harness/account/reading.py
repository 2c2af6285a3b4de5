"""Asks an account what it has: at most three calls for each function, beside the further pages of lists."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from harness.account import parsing
from harness.account.pacing import Pace
from harness.account.values import LATEST, Account, Deployed, Undone
from harness.policy.account import requests_per_second
from harness.sources.aws import AwsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_lambda import LambdaClient

    from harness.account.values import Alias, Live, Storage, Wanted
    from harness.sources.aws import Aws

T = TypeVar("T")
R = TypeVar("R")

WORKERS: Final = 16
PAGE: Final = 50
"""What Lambda puts on a page; more functions than that are listed, fewer are asked for one by one."""
OF_FUNCTION: Final = ("function-missing", "platform", "layer-undeclared", "siblings")
OF_ALIASES: Final = ("alias-missing", "alias-behind", "alias-latest")
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
        progress: Told what is being done.
    """

    aws: Aws
    progress: Callable[[str], None]
    _undone: list[Undone] = field(default_factory=list)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def functions(self, wanted: Sequence[Wanted]) -> Account:
        """The functions, with the configurations that their aliases point to.

        Raises:
            Unreachable: There are no credentials, no region, no network.
        """
        by_region: dict[str | None, list[Wanted]] = {}
        for one in wanted:
            by_region.setdefault(one.region, []).append(one)
        found: dict[str, Deployed] = {}
        missing: list[str] = []
        for region, ones in by_region.items():
            known = (self._listed(region) if len(ones) > PAGE else {}) or self._first(region, ones[0])
            asked = self.together(partial(self._function, known), ones, f"asking AWS about {len(ones):,} functions")
            for one, deployed in zip(ones, asked, strict=True):
                if isinstance(deployed, Deployed):
                    found[one.name] = deployed
                elif deployed is None:
                    missing.append(one.name)
        return Account(found, tuple(missing), undone=tuple(self._undone))

    def storage(self, regions: Sequence[str | None]) -> tuple[tuple[Storage, ...], tuple[Undone, ...]]:
        """The room for archives in each region."""
        found, undone = list[Any](), list[Undone]()
        for region in regions:
            try:
                client = self.aws.client("lambda", region)
                parse = partial(parsing.storage, region=client.meta.region_name)
                found.append(self.ask(region, "GetAccountSettings", "the account", client.get_account_settings, parse))
            except AwsUnavailable as reason:
                undone.append(Undone(("code-storage",), None, str(reason)))
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

    def _first(self, region: str | None, one: Wanted) -> dict[str, Live]:
        """The first function, by its ARN: whether anything will be answered, before it is asked for a hundred times.

        Raises:
            Unreachable: Nothing will.
        """
        try:
            found = self._configuration(region, one, None)
        except AwsUnavailable as reason:
            if reason.code not in _OF_ONE:
                raise Unreachable(str(reason)) from None
            return {}
        return {found.arn: found}

    def _listed(self, region: str | None) -> dict[str, Live]:
        """All functions of the account, by their ARNs; none where they may not be listed."""
        self.progress("asking AWS for all functions")
        try:
            client = self.aws.client("lambda", region)
            call = partial(client.list_functions, MaxItems=PAGE)
            pages = self.pages(region, "ListFunctions", "the functions", call, parsing.each("Functions", parsing.live))
            found = [live for page in pages for live in page]
        except AwsUnavailable as reason:
            if reason.code not in _DENIED:
                raise Unreachable(str(reason)) from None
            return {}
        return {one.arn: one for one in found}

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

    def _configuration(self, region: str | None, one: Wanted, version: str | None) -> Live:
        client: LambdaClient = self.aws.client("lambda", region)
        named: dict[str, Any] = {"FunctionName": one.function, **({"Qualifier": version} if version else {})}
        call = partial(client.get_function_configuration, **named)
        resource = _resource(one.function)
        return self.ask(region, "GetFunctionConfiguration", resource, call, lambda said: parsing.live(dict(said)))

    def _function(self, known: dict[str, Live], one: Wanted) -> Deployed | Undone | None:
        """A function; None where there is none."""
        try:
            fits = (live for live in known.values() if one.function in (live.name, live.arn))
            latest = next(fits, None) or self._configuration(one.region, one, None)
        except AwsUnavailable as reason:
            if reason.code == _MISSING:
                return None
            return self._leave(Undone(OF_FUNCTION, one.name, str(reason)))
        # Without its alias, what callers get is not known.
        unknown = (*OF_ALIASES, "siblings") if one.alias else OF_ALIASES
        try:
            client = self.aws.client("lambda", one.region)
            resource, call = _resource(one.function), partial(client.list_aliases, FunctionName=one.function)
            pages = self.pages(one.region, "ListAliases", resource, call, parsing.each("Aliases", parsing.alias))
            aliases = tuple(alias for page in pages for alias in page)
        except AwsUnavailable as reason:
            self._leave(Undone(unknown, one.name, str(reason)))
            return Deployed(latest, None)
        try:
            return Deployed(latest, aliases, tuple(self._versions(one, aliases)))
        except AwsUnavailable as reason:
            self._leave(Undone(unknown, one.name, str(reason)))
            return Deployed(latest, aliases)

    def _versions(self, one: Wanted, aliases: Sequence[Alias]) -> Iterator[Live]:
        """The versions that aliases point to, by one call beside further pages."""
        numbers = {alias.version for alias in aliases} - {LATEST}
        if len(numbers) == 1:
            yield self._configuration(one.region, one, *numbers)
        elif numbers:
            client = self.aws.client("lambda", one.region)
            call = partial(client.list_versions_by_function, FunctionName=one.function, MaxItems=PAGE)
            parse = parsing.each("Versions", parsing.live)
            for page in self.pages(one.region, "ListVersionsByFunction", _resource(one.function), call, parse):
                found = [live for live in page if live.version in numbers]
                yield from found
                numbers -= {version.version for version in found}
                if not numbers:
                    return

    def _leave(self, undone: Undone) -> Undone:
        with self._lock:
            self._undone.append(undone)
        return undone


def _resource(function: str) -> str:
    """A function as messages and policies name it."""
    return function if function.startswith("arn:") else f"function:{function}"
