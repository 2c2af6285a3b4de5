"""Traces the words of a script back to the files whose content they depend on."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines import shell_programs as programs
from harness.dependencies.pipelines.shell_text import CONSTANT, UNKNOWN, Text, joined, unknown
from harness.dependencies.pipelines.shell_words import Commands, Expression, Variable, commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.dependencies.pipelines.shell_words import Command, Part, Word

REPOSITORY: Final = "/~repository"
"""Stands for the absolute path of the repository."""
ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][\w-]*)\+?=")
DECLARATIONS: Final = frozenset({"export", "local", "declare", "readonly", "typeset"})
"""Commands before assignments."""
PRINTERS: Final = frozenset({"echo", "printf", "Write-Host", "Write-Output"})
"""Programs that print their arguments."""

_HASH_FILES: Final = re.compile(r"hashFiles\s*\(([^()]*)\)", re.IGNORECASE)
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")
_NAME: Final = re.compile(r"[A-Za-z_][\w.*-]*")
# Expressions of a CI system that may be another in every run.
_CHANGING_EXPRESSION: Final = re.compile(
    r"github\.(?:sha|run_\w+|event\.\w.*)|steps\..*|needs\..*|hashFiles.*", re.IGNORECASE
)
_SILENT: Final = frozenset({"for", "done", "fi", "do", "set", "", "cd", "pushd", "return", *DECLARATIONS})
_DEEPEST: Final = 8  # substitutions within one another
_MOST: Final = 10_000  # substitutions


@dataclass(slots=True)
class ShellState:
    """The state while scripts are read, one after another.

    Attributes:
        name: The file that is read, for a message.
        folder: The working directory, relative to the repository's root; None where it is not known.
        variables: Their values; outputs of steps by ``steps.ID.outputs.NAME``.
        contents: The content of files that scripts write.
        line: The line that is being read.
        functions: The bodies of the scripts' functions.
    """

    name: str
    folder: str | None = ""
    variables: dict[str, Text] = field(default_factory=dict)
    contents: dict[str, Text] = field(default_factory=dict)
    line: int = 0
    functions: dict[str, str] = field(default_factory=dict)
    _depth: int = 0
    _substitutions: int = 0

    @property
    def place(self) -> str:
        """The place of the command that is being read."""
        return f"{self.name}:{self.line}"

    def text(self, word: Word) -> Text:
        """The value of a word."""
        return sum((self._part(part) for part in word), Text(""))

    def _part(self, part: Part) -> Text:
        match part:
            case str():
                return Text(part)
            case Variable():
                known = self.variables.get(part.name)
                return known or (Text(part.default) if part.default else unknown(part.name))
            case Expression():
                return self._expression(part.text)
            case Commands():
                known = self.variables.get(part.text.strip())  # Azure's $(NAME)
                return self._substitution(part.text, part.line) if known is None else known

    def _substitution(self, text: str, line: int) -> Text:
        """The output of commands."""
        self._substitutions += 1
        if self._depth > _DEEPEST or self._substitutions > _MOST:
            return UNKNOWN
        self._depth += 1
        output = self._output([*commands(text, line)])
        self._depth -= 1
        return output

    def _expression(self, text: str) -> Text:
        """The value of ``${{ … }}``."""
        value = Text("")
        for arguments in _HASH_FILES.findall(text):
            if _STRING.sub("", arguments).strip(", \t\n"):
                return UNKNOWN
            patterns = (literal.replace("''", "'").splitlines() for literal in _STRING.findall(arguments))
            value += Text("*", tuple(pattern.strip() for lines in patterns for pattern in lines), self.place)
        for name in _NAME.findall(_STRING.sub("", _HASH_FILES.sub("", text))):
            variable = name.removeprefix("env.")
            if (known := self.variables.get(variable)) is not None:
                value += known
            elif variable != name:
                value += unknown(variable)
            elif _CHANGING_EXPRESSION.fullmatch(name):
                return UNKNOWN
        return value if value.text else CONSTANT

    def program(self, command: Command) -> tuple[str, list[Text]]:
        """The name of a command's program, and its arguments."""
        words = [*command.words]
        while words and (literal(words[0]) in programs.KEYWORDS or ASSIGNMENT.match(literal(words[0]))):
            words.pop(0)
        if not words:
            return "", []
        return posixpath.basename(self.text(words[0]).text), [self.text(word) for word in words[1:]]

    def _output(self, pipeline: Sequence[Command]) -> Text:
        """The output of commands: a digest of files, or a path."""
        folder = self.folder
        sources = self.sources(pipeline)
        path = self._printed_path(pipeline[-1]) if pipeline else None
        self.folder = folder
        if path:
            return path
        calls = [self.program(command) for command in pipeline]
        if not sources.files or any(map(self._is_digest, calls)):
            return replace(sources, text="*")
        # What a file contains, without a digest, is a version, say, and may change with everything.
        names = [argument.text for _, arguments in calls for argument in arguments]
        return next((self.contents[name] for name in names if name in self.contents), UNKNOWN)

    def _is_digest(self, call: tuple[str, Sequence[Text]]) -> bool:
        """Whether a command prints a digest, or hands one on: ``echo $HASH | cut -c1-8``."""
        program, arguments = call
        if program in PRINTERS:
            return any(argument.files for argument in arguments)
        is_git = program == "git" and bool(arguments) and arguments[0].text == "hash-object"
        return is_git or program in self.functions or bool(programs.DIGESTS.fullmatch(program))

    def sources(self, pipeline: Sequence[Command]) -> Text:
        """The files behind the output of commands, digested or not."""
        sources = Text("")
        for command in pipeline:
            program, arguments = self.program(command)
            self.loop(program, arguments)
            self.assign(command.words)
            sources += self._sources_of(program, arguments)
            for word in (word for operator, word in command.redirected if operator in {"<", "<<<"}):
                text = self.text(word)
                sources += text.without_text if text.files or text.changing else self._content(text)
        return sources

    def _printed_path(self, command: Command) -> Text | None:
        """The path that ``pwd``, ``dirname`` and ``git`` print."""
        program, arguments = self.program(command)
        texts = [argument.text for argument in arguments]
        if program == "pwd" and self.folder is not None:
            return Text(f"{REPOSITORY}/{self.folder}".rstrip("/"))
        if program in {"dirname", "realpath", "readlink"} and texts and "*" not in texts[-1]:
            return Text(posixpath.dirname(texts[-1]) or ".") if program == "dirname" else Text(texts[-1])
        return Text(REPOSITORY) if program == "git" and texts == ["rev-parse", "--show-toplevel"] else None

    def _sources_of(self, program: str, arguments: Sequence[Text]) -> Text:
        if program in PRINTERS:
            return joined(arguments).without_text
        if program in {"cd", "pushd"}:
            self.go(arguments)
        elif program == "git":
            return self._sources_of_git(arguments)
        elif program in self.functions:
            return self._sources_of_function(program, arguments)
        elif program in programs.READERS | programs.FILTERS or programs.DIGESTS.fullmatch(program):
            return joined(map(self._content, programs.files_of(program, arguments)))
        elif program not in programs.PASSING | programs.FIXED | _SILENT:
            return UNKNOWN
        return Text("")

    def _sources_of_function(self, name: str, arguments: Sequence[Text]) -> Text:
        before = {key: value for key, value in self.variables.items() if key.isdecimal() or key in {"@", "*"}}
        given = {str(number): argument for number, argument in enumerate(arguments, 1)}
        given["@"] = given["*"] = joined(arguments, " ")
        self.variables |= given
        output = self._substitution(self.functions[name], self.line)
        self.variables = {key: value for key, value in self.variables.items() if key not in given} | before
        return output.without_text

    def _sources_of_git(self, arguments: Sequence[Text]) -> Text:
        """``git hash-object FILE`` and ``git rev-parse HEAD:FOLDER``; its other output changes with each commit."""
        verb, *named = [argument for argument in arguments if not argument.text.startswith("-")] or [Text("")]
        named = [argument for argument in named if argument.text != "HEAD"]
        if verb.text in {"hash-object", "ls-files", "ls-tree"} and named:
            return joined(map(self._content, named))
        if verb.text == "rev-parse" and named and named[0].text.startswith("HEAD:"):
            return Text("*", (named[0].text.removeprefix("HEAD:"),), self.place)
        return UNKNOWN

    def _content(self, name: Text) -> Text:
        """The content of the files that a text names."""
        if name.files or name.changing or name.text.strip() == "*":
            return name if name.keyed else UNKNOWN
        if name.text in self.contents:
            return self.contents[name.text].without_text
        return Text("", tuple(map(self.path, name.text.split())), self.place)

    def path(self, text: str) -> str:
        """A path relative to the repository's root; ``**/…`` where the working directory is not known."""
        if text.startswith(f"{REPOSITORY}/") or text == REPOSITORY:
            return posixpath.normpath(text[len(REPOSITORY) :].lstrip("/"))
        if text.startswith(("/", "~")):
            return text
        if self.folder is None:
            return f"**/{text.removeprefix('./')}"
        return posixpath.normpath(posixpath.join(self.folder, text))

    def loop(self, program: str, arguments: Sequence[Text]) -> None:
        """Give a loop's variable all its values at once."""
        if program == "for" and len(arguments) > 1 and arguments[1].text == "in":
            self.variables[arguments[0].text] = joined(arguments[2:], " ")

    def assign(self, words: Iterable[Word]) -> None:
        """Set the variables that words assign to, up to the first word that is no assignment."""
        for word in words:
            begin = literal(word)
            if assignment := ASSIGNMENT.match(begin):
                self.variables[assignment[1]] = self.text((begin[assignment.end() :].lstrip("("), *word[1:]))
            elif begin not in programs.KEYWORDS | DECLARATIONS and not begin.startswith("-"):
                return

    def go(self, arguments: Sequence[Text]) -> None:
        """Change the working directory."""
        target = arguments[0] if arguments else UNKNOWN
        path = "/" if target.changing or "*" in target.text else self.path(target.text)
        self.folder = None if path.startswith(("/", "~", "-", "..", "**")) else "" if path == "." else path


def literal(word: Word) -> str:
    """The beginning of a word, up to its first expansion."""
    return word[0] if word and isinstance(word[0], str) else ""


def pipelines(found: Iterator[Command]) -> Iterator[list[Command]]:
    """Commands in groups of which each reads the output of the command before it."""
    group: list[Command] = []
    for command in found:
        if group and not command.piped:
            yield group
            group = []
        group.append(command)
    if group:
        yield group
