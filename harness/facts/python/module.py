"""The facts of one Python source file."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field, replace

import msgspec

from harness.facts.migrations.revisions import TRIGGER, Revision, revision
from harness.facts.python.absent_attributes import absent, hint, patches
from harness.facts.python.aws_clients import Clients, clients, may_call
from harness.facts.python.bytecode import source_hash
from harness.facts.python.code import Code
from harness.facts.python.durable_operations import TRIGGER as DURABLE
from harness.facts.python.durable_operations import Operation, operations
from harness.facts.python.dynamic_imports import CHANGES_PLAINLY, Loading, added, loading
from harness.facts.python.file_uses import TRIGGERS, Uses, uses
from harness.facts.python.import_outline import outline
from harness.facts.python.imports import Import, imports
from harness.facts.python.init_state import TRIGGER as STATEFUL
from harness.facts.python.init_state import InitState, init_state
from harness.facts.python.metadata_lookups import Lookup, lookups, may_look
from harness.facts.python.module_names import Names, given, is_retired, names
from harness.facts.python.parser import MOST, MOST_OF_OWN, is_vast, parse
from harness.facts.python.routines import Flow, flow
from harness.facts.python.signatures import Misfit, misfits
from harness.facts.python.system_requests import OPENS, Request, requests
from harness.facts.python.system_requests import TRIGGERS as ASKING
from harness.facts.python.variables import Variable, may_read, set_variables, variables

# What makes the names of a library's module unknowable: its text is not followed any closer than this.
_INJECTS = re.compile(rb"\bsys\s*\.\s*modules\b|\bmeta_path\b|\bpath_hooks\b|\b__path__\b")
_INJECTING = (b"modules", b"meta_path", b"path_hooks", b"__path__")  # without which the pattern need not be tried
_SHARED = re.compile(rb"\bextend_path\b|\bdeclare_namespace\b")
_SHARING = (b"extend_path", b"declare_namespace")
_PATHS = (b"sys.path", b"addsitedir", b"from sys import")
_SURROGATE = re.compile(rb"\\(?:u|U0000)[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python source file.

    Attributes:
        size: Bytes.
        hash: What hash-based bytecode of it would carry (PEP 552).
        parsed: Whether its text could be analysed at all; if not, the rest is empty.
        imports: What it imports.
        names: What it binds at module level; of a distribution's module only whether more may be there.
        lookups: What it asks of the metadata of distributions.
        uses: What it does with paths; of a distribution's module, nothing.
        requests: What it asks of the system; of a distribution's module, which shared libraries it opens.
        revision: What it says as a migration, if it is one.
        flow: What its functions do each time they are called; of a distribution's module, nothing.
        variables: Which environment variables it reads; of a distribution's module, none.
        set_variables: Which it may set, an empty name for any; of a distribution's module, none.
        clients: Which clients of AWS it has and calls; of a distribution's module, none.
        state: What its import makes that copies of a snapshot share; of a distribution's module, nothing.
        operations: Its operations of durable executions; of a distribution's module, none.
        loading: What it loads, or lets others load, in other ways than by import statements; of a distribution's module
            only what it puts on the search path.
        patches: The attributes of modules that it sets; of a distribution's module, by decorators alone.
        misfits: Its functions that cannot be handlers; of a distribution's module, none.
    """

    size: int
    hash: bytes
    parsed: bool = True
    imports: tuple[Import, ...] = ()
    names: Names = field(default_factory=Names)
    lookups: tuple[Lookup, ...] = ()
    uses: Uses = field(default_factory=Uses)
    requests: tuple[Request, ...] = ()
    revision: Revision | None = None
    flow: Flow = field(default_factory=Flow)
    variables: tuple[Variable, ...] = ()
    set_variables: tuple[str, ...] = ()
    clients: Clients = field(default_factory=Clients)
    state: InitState = field(default_factory=InitState)
    operations: tuple[Operation, ...] = ()
    loading: Loading = field(default_factory=Loading)
    patches: tuple[str, ...] = ()
    misfits: tuple[Misfit, ...] = ()


def module(source: bytes, python: tuple[int, int], *, recorded: bool = False) -> Module:
    """Read one source file.

    Args:
        source: Its bytes.
        python: The version of the runtime.
        recorded: Whether a distribution brought it, by its RECORD; then less is of interest.
    """
    digest = source_hash(source, python)
    with contextlib.suppress(RecursionError):  # nested deeper than anybody writes
        return _read(source, digest, python, recorded=recorded)
    return Module(len(source), digest, parsed=False)


def _read(source: bytes, digest: bytes, python: tuple[int, int], *, recorded: bool) -> Module:
    asking = bool((OPENS if recorded else ASKING).search(source))
    outdated = hint(python, own=not recorded).search(source) is not None
    plain = recorded and not notable(source) and not asking and not outdated
    if is_vast(source, MOST if recorded else MOST_OF_OWN):
        return Module(len(source), digest, parsed=False)
    tree = (outline(source) if plain else None) or parse(source)
    if tree is None:
        return Module(len(source), digest, parsed=False)
    calls = b"import_module" in source or b"__import__" in source
    code = Code(tree, python)
    lacking = absent(code, own=not recorded) if outdated or not recorded else ()
    found = Module(
        size=len(source),
        hash=digest,
        imports=(*imports(tree, python, calls=calls, own=not recorded), *lacking) if b"import" in source else (),
        names=_timely(_outline(source) if recorded else names(tree), source, python),
        lookups=lookups(code) if may_look(source) else (),
        uses=uses(code) if not recorded and TRIGGERS.search(source) else Uses(),
        requests=requests(code) if asking else (),
        revision=revision(tree) if TRIGGER in source else None,
        flow=Flow() if recorded else flow(tree, python),
        variables=variables(code) if not recorded and may_read(source) else (),
        set_variables=set_variables(code) if not recorded and may_read(source) else (),
        clients=clients(code) if not recorded and may_call(source) else Clients(),
        state=init_state(code) if not recorded and STATEFUL.search(source) else InitState(),
        operations=operations(code) if not recorded and DURABLE in source else (),
        loading=_loading(source, code, recorded=recorded),
        patches=(*given(source), *(patches(code) if not recorded and (outdated or b"setattr" in source) else ())),
        misfits=() if recorded else misfits(code),
    )
    return _expressible(found) if _SURROGATE.search(source) else found


def _loading(source: bytes, code: Code, *, recorded: bool) -> Loading:
    if not recorded:
        return loading(code, source)
    if not any(hint in source for hint in _PATHS) or not CHANGES_PLAINLY.search(source):
        return Loading()
    whole = parse(source)  # the outline has imports alone
    return Loading(added(Code(whole, code.python))) if whole else Loading()


def notable(source: bytes) -> bool:
    """Whether a source may say what is of interest even where no handler leads to it: look-ups, a migration."""
    return may_look(source) or TRIGGER in source


def _expressible(found: Module) -> Module:
    """A module without the constants that no file can hold: halves of characters, as tests of encodings have them."""
    return replace(
        found,
        imports=tuple(filter(_is_text, found.imports)),
        names=found.names if _is_text(found.names) else replace(found.names, bound=(), open=True),
        lookups=tuple(filter(_is_text, found.lookups)),
        requests=tuple(filter(_is_text, found.requests)),
        uses=found.uses if _is_text(found.uses) else Uses(),
        revision=found.revision if _is_text(found.revision) else None,
        flow=found.flow if _is_text(found.flow) else Flow(),
        variables=tuple(filter(_is_text, found.variables)),
        set_variables=tuple(name if _is_text(name) else "" for name in found.set_variables),
        clients=found.clients if _is_text(found.clients) else Clients(),
        operations=tuple(filter(_is_text, found.operations)),
        loading=found.loading if _is_text(found.loading) else Loading(),
        patches=tuple(filter(_is_text, found.patches)),
    )


def _is_text(value: object) -> bool:
    try:
        msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _timely(found: Names, source: bytes, python: tuple[int, int]) -> Names:
    """The names, without modules that only an older Python would let appear."""
    retired = found.injects and is_retired(source, python)
    return replace(found, injects=False, retired=True) if retired else found


def _outline(source: bytes) -> Names:
    """What the names of a library's module could be: any, and perhaps modules that no file is there for."""
    return Names(
        open=True,
        injects=any(hint in source for hint in _INJECTING) and bool(_INJECTS.search(source)),
        shared=any(hint in source for hint in _SHARING) and bool(_SHARED.search(source)),
    )
