"""What a script makes of digests of files: the names that it finds something again under."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines import shell_programs as programs
from harness.dependencies.pipelines.shell_text import ASSIGNED, DECLARING, REPOSITORY, SAYING, Texts, literal, pipelines
from harness.dependencies.pipelines.shell_values import Text
from harness.dependencies.pipelines.shell_words import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.dependencies.pipelines.shell_values import Command

_OUTPUT: Final = re.compile(r"::set-output name=([\w-]+)::|##vso\[task\.setvariable variable=([\w.-]+)[^\]]*\]")
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "source", "."})
_WORKSPACES: Final = re.compile(
    r"\$(?:\{\{\s*github\.workspace\s*\}\}|\((?:Build\.SourcesDirectory|System\.DefaultWorkingDirectory)\)|"
    r"\{?(?:GITHUB_WORKSPACE|CI_PROJECT_DIR|CODEBUILD_SRC_DIR|BITBUCKET_CLONE_DIR)\b\}?)"
)
# `$hash = (Get-FileHash poetry.lock).Hash`, and what a script calls functions.
_POWERSHELL: Final = re.compile(
    r"\$(\w+)[ \t]*=[ \t]*\(?[ \t]*Get-FileHash[ \t]+(?:-(?:Literal)?Path[ \t]+)?([^\s|)]+)[^\n]*", re.IGNORECASE
)
_FUNCTIONS: Final = re.compile(
    r"^[ \t]*(?:function[ \t]+([\w-]+)[ \t]*(?:\(\))?|([\w-]+)[ \t]*\(\))\s*\{((?:\$\{[^}]*\}|[^}])*?)\}", re.MULTILINE
)
_MOST: Final = 20  # scripts that are called


@dataclass(frozen=True, slots=True)
class Use:
    """A command that finds something again under a name with a digest in it.

    Attributes:
        place: Where the digest is made.
        files: The patterns of the files that it is made of.
        names: What else the command names; the names themselves, with stars.
        writes: Whether it only writes what it names.
    """

    place: str
    files: tuple[str, ...]
    names: tuple[str, ...]
    writes: bool = False


@dataclass(slots=True)
class Shell(Texts):
    """Reads scripts.

    Attributes:
        source: The text of a script of the repository; empty where there is none.
        uses: The commands that find something again.
        installed: The requirements files that something is installed from into a folder of its own.
        made: What archives and folders are made.
        called: The scripts of the repository that were read because another one calls them.
    """

    source: Callable[[str], str] = field(default=lambda _: "")
    uses: list[Use] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    _step: str | None = None

    def read(self, text: str, first: int = 1, step: str | None = None) -> None:
        """Go through a script.

        Args:
            text: The script.
            first: The number of its first line.
            step: The id of the step that runs it.
        """
        self._step = step
        text = _POWERSHELL.sub(r"\1=$(sha256sum \2)", _WORKSPACES.sub(REPOSITORY, text))
        self.functions |= {found[1] or found[2]: found[3] for found in _FUNCTIONS.finditer(text)}
        for pipeline in pipelines(commands(text, first)):
            self.line = pipeline[0].line
            target = next((word for operator, word in pipeline[-1].redirected if operator.startswith(">")), None)
            if target and self.program(pipeline[0])[0] not in SAYING:
                folder = self.folder
                self._write(self.text(target).text, replace(self.files(pipeline), text="*"))
                self.folder = folder
            for one in pipeline:
                self._command(one)

    def _command(self, command: Command) -> None:
        """What a command changes, makes and finds again."""
        self.assign(command.words)
        program, arguments = self.program(command)
        self.loop(program, arguments)
        if program in {"cd", "pushd"}:
            self.go(arguments)
        elif program in DECLARING:
            self.assign(command.words[1:])
        elif program in SAYING:
            self._say(command)
        self._build(program, arguments)
        self._call(self.text(word).text for word in command.words)
        is_test = program in programs.TESTS  # what a digest is compared with may be anything
        keyed = [one for one in arguments if one.files and not (is_test and one.changing)]
        if program in programs.REUSING and keyed and all(one.keyed for one in keyed):
            self.use(keyed, [one.text for one in arguments], writes=programs.is_upload(program, arguments))

    def use(self, keyed: Iterable[Text], names: Iterable[str], *, writes: bool = False) -> None:
        """Note that something is found again under names, some of which have a digest in them."""
        named = tuple(name for name in names if not name.startswith("-") and name.strip("*=!]"))
        self.uses += (Use(one.place, one.files, named, writes) for one in keyed)

    def _say(self, command: Command) -> None:
        """Outputs and variables that are set by being written to a file, or by being said in a certain way."""
        words = command.words[1:]
        for index, word in enumerate(words):
            begin = literal(word)
            if found := _OUTPUT.match(begin) or ASSIGNED.match(begin):
                name = next(one for one in found.groups() if one)
                value = self.text((begin[found.end() :], *word[1:]))
                if "%s" in begin:
                    value = sum((self.text(one) for one in words[index + 1 :]), Text(""))
                self.variables[name] = value
                if self._step:
                    self.variables[f"steps.{self._step}.outputs.{name}"] = value
        whole = sum((self.text(word) for word in words), Text(""))
        for operator, word in command.redirected:
            if operator.startswith(">"):
                self._write(self.text(word).text, replace(whole, text="*"))

    def _write(self, name: str, value: Text) -> None:
        if value.files and "*" not in name:
            self.contents[name] = value

    def _build(self, program: str, arguments: Sequence[Text]) -> None:
        """What a command installs from which files, and which archives it makes."""
        texts = [one.text for one in arguments]
        if program in _SHELLS | {"docker", "podman"}:
            for script in (text for text in texts if " " in text):
                for one in commands(script):
                    self._build(*self.program(one))
        pairs = [*pairwise((*texts, ""))]
        if "install" in texts and any(_is_target(one) for one in texts):
            self.installed += (self.path(two) for one, two in pairs if one in {"-r", "--requirement", "--requirements"})
            self.made += (self.path(two) for one, two in pairs if one in {"-t", "--target"})
        if program in {"zip", "7z"}:
            self.made += [self.path(one) for one in texts if one.endswith(".zip")][:1]

    def _call(self, names: Iterable[str]) -> None:
        """Read a script that a command starts, with what is known where it does."""
        for path in (self.path(one) for one in names if one.endswith((".sh", ".bash"))):
            text = self.source(path)
            if not text or path in self.called or len(self.called) > _MOST:
                continue
            self.called.append(path)
            before = self.name, self.folder, self.line
            self.name = path
            self.variables["0"] = self.variables["BASH_SOURCE"] = Text(f"{REPOSITORY}/{path}")
            self.read(text)
            self.name, self.folder, self.line = before


def _is_target(text: str) -> bool:
    return text in {"-t", "--target", "--prefix", "--root"} or text.startswith(("--target=", "--prefix="))
