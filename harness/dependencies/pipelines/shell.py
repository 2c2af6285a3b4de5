"""Reads shell scripts for the names, with digests of files in them, that they find something again under."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines import shell_programs as programs
from harness.dependencies.pipelines.shell_state import (
    ASSIGNMENT,
    DECLARATIONS,
    PRINTERS,
    REPOSITORY,
    ShellState,
    literal,
    pipelines,
)
from harness.dependencies.pipelines.shell_text import Text, joined
from harness.dependencies.pipelines.shell_words import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.dependencies.pipelines.shell_words import Command

_OUTPUT: Final = re.compile(r"::set-output name=([\w-]+)::|##vso\[task\.setvariable variable=([\w.-]+)[^\]]*\]")
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "source", ".", "docker", "podman"})
_WORKSPACES: Final = re.compile(
    r"\$(?:\{\{\s*github\.workspace\s*\}\}|\((?:Build\.SourcesDirectory|System\.DefaultWorkingDirectory)\)|"
    r"\{?(?:GITHUB_WORKSPACE|CI_PROJECT_DIR|CODEBUILD_SRC_DIR|BITBUCKET_CLONE_DIR)\b\}?)"
)
# `$hash = (Get-FileHash poetry.lock).Hash`
_POWERSHELL: Final = re.compile(
    r"\$(\w+)[ \t]*=[ \t]*\(?[ \t]*Get-FileHash[ \t]+(?:-(?:Literal)?Path[ \t]+)?([^\s|)]+)[^\n]*", re.IGNORECASE
)
_FUNCTION: Final = re.compile(
    r"^[ \t]*(?:function[ \t]+([\w-]+)[ \t]*(?:\(\))?|([\w-]+)[ \t]*\(\))\s*\{((?:\$\{[^}]*\}|[^}])*?)\}", re.MULTILINE
)
_MOST: Final = 20  # scripts that are called


@dataclass(frozen=True, slots=True)
class Use:
    """A command that finds something again under a name with a digest in it.

    Attributes:
        place: Where the digest is made.
        files: The patterns of the files that it is made of.
        names: The arguments of the command, with stars.
        writes: Whether the command only writes what it names.
    """

    place: str
    files: tuple[str, ...]
    names: tuple[str, ...]
    writes: bool = False


@dataclass(slots=True)
class Shell(ShellState):
    """Reads scripts.

    Attributes:
        source: Gives the text of a script of the repository; empty where there is none.
        uses: The commands that find something again.
        installed: The requirements files that something is installed from into a folder of its own.
        made: The archives and folders that are made.
        called: The scripts of the repository that were read because another one calls them.
    """

    source: Callable[[str], str] = field(default=lambda _: "")
    uses: list[Use] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    _step: str | None = None

    def read(self, text: str, first: int = 1, step: str | None = None) -> None:
        """Read a script whose first line has the number ``first``, run by the step with the id ``step``."""
        self._step = step
        text = _POWERSHELL.sub(r"\1=$(sha256sum \2)", _WORKSPACES.sub(REPOSITORY, text))
        self.functions |= {found[1] or found[2]: found[3] for found in _FUNCTION.finditer(text)}
        for pipeline in pipelines(commands(text, first)):
            self.line = pipeline[0].line
            target = next((word for operator, word in pipeline[-1].redirected if operator.startswith(">")), None)
            if target and self.program(pipeline[0])[0] not in PRINTERS:
                folder = self.folder
                self._write(self.text(target).text, self.sources(pipeline))
                self.folder = folder
            for command in pipeline:
                self._command(command)

    def _command(self, command: Command) -> None:
        self.assign(command.words)
        program, arguments = self.program(command)
        self.loop(program, arguments)
        if program in {"cd", "pushd"}:
            self.go(arguments)
        elif program in DECLARATIONS:
            self.assign(command.words[1:])
        elif program in PRINTERS:
            self._print(command)
        self._build(program, arguments)
        self._call(self.text(word).text for word in command.words)
        is_test = program in programs.TESTS  # a digest may be compared with anything
        keyed = [argument for argument in arguments if argument.files and not (is_test and argument.changing)]
        if program in programs.REUSING and keyed and all(argument.keyed for argument in keyed):
            self.use(keyed, [argument.text for argument in arguments], writes=programs.is_upload(program, arguments))

    def use(self, keyed: Iterable[Text], names: Iterable[str], *, writes: bool = False) -> None:
        """Note that something is found again under names, some of which have a digest in them."""
        named = tuple(name for name in names if not name.startswith("-") and name.strip("*=!]"))
        self.uses += (Use(text.place, text.files, named, writes) for text in keyed)

    def _print(self, command: Command) -> None:
        """Set outputs and variables that are printed in a certain form, or to a file."""
        words = command.words[1:]
        for index, word in enumerate(words):
            begin = literal(word)
            if setting := _OUTPUT.match(begin) or ASSIGNMENT.match(begin):
                name = next(group for group in setting.groups() if group)
                value = self.text((begin[setting.end() :], *word[1:]))
                if "%s" in begin:
                    value = joined(map(self.text, words[index + 1 :]))
                self.variables[name] = value
                if self._step:
                    self.variables[f"steps.{self._step}.outputs.{name}"] = value
        for operator, word in command.redirected:
            if operator.startswith(">"):
                self._write(self.text(word).text, joined(map(self.text, words)))

    def _write(self, name: str, content: Text) -> None:
        if content.files and "*" not in name:
            self.contents[name] = replace(content, text="*")

    def _build(self, program: str, arguments: Sequence[Text]) -> None:
        """Note which files a command installs from, and which archives it makes."""
        texts = [argument.text for argument in arguments]
        for script in (text for text in texts if " " in text) if program in _SHELLS else ():
            for command in commands(script):
                self._build(*self.program(command))
        pairs = [*pairwise((*texts, ""))]
        if "install" in texts and any(_is_target(text) for text in texts):
            self.installed += (
                self.path(file) for flag, file in pairs if flag in {"-r", "--requirement", "--requirements"}
            )
            self.made += (self.path(folder) for flag, folder in pairs if flag in {"-t", "--target"})
            self.made += (self.path(text.partition("=")[2]) for text in texts if text.startswith("--target="))
        if program in {"zip", "7z"}:
            self.made += [self.path(text) for text in texts if text.endswith(".zip")][:1]

    def _call(self, names: Iterable[str]) -> None:
        """Read a script that a command starts, with what is known where it does."""
        for path in (self.path(name) for name in names if name.endswith((".sh", ".bash"))):
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
