"""What becomes of the words of a script."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines import shell_programs as programs
from harness.dependencies.pipelines.shell_values import SOME, UNKNOWN, Commands, Expression, Text, Variable
from harness.dependencies.pipelines.shell_words import commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.dependencies.pipelines.shell_values import Command, Part, Word

REPOSITORY: Final = "/~repository"
"""The absolute path of the repository, whatever that is."""
ASSIGNED: Final = re.compile(r"(?:export\s+)?([A-Za-z_][\w-]*)\+?=")
"""What assigns something to a variable."""
DECLARING: Final = frozenset({"export", "local", "declare", "readonly", "typeset"})
"""What stands before assignments."""
SAYING: Final = frozenset({"echo", "printf", "Write-Host", "Write-Output"})
"""Programs that print what they are told."""

# What may be another in every run, where nothing in the script says what it is.
_CHANGING: Final = re.compile(
    r"SHA|COMMIT(?!_REF|_BRANCH)|REVISION|BUILD_|BUILDNUMBER|RUN_|PIPELINE_I|JOB_ID|DATE|TIME|STAMP|VERSION|TAG|HASH|"
    r"DIGEST|CHECKSUM|MD5|UUID|RANDOM|RELEASE|KEY|\A[\d@*?!$#-]\Z",
    re.IGNORECASE,
)
_OF_TOOLS: Final = re.compile(r"PY|RUNTIME|NODE|POETRY|UV|AWS|BUCKET", re.IGNORECASE)
_HASH: Final = re.compile(r"hashFiles\s*\(([^()]*)\)", re.IGNORECASE)
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")
_NAME: Final = re.compile(r"[A-Za-z_][\w.*-]*")
# What of a CI system's expressions may be another in every run.
_OPEN: Final = re.compile(r"github\.(?:sha|run_\w+|event\.\w.*)|steps\..*|needs\..*|hashFiles.*", re.IGNORECASE)
_SILENT: Final = frozenset({"for", "done", "fi", "do", "set", "", "cd", "pushd", "return", *DECLARING})
_DEEPEST: Final = 8


@dataclass(slots=True)
class Texts:
    """What is known while scripts are read, one after another.

    Attributes:
        name: How a sentence names the file that is read.
        folder: The working directory, relative to the repository's root; None where it is not known.
        variables: What they hold; outputs of steps by ``steps.ID.outputs.NAME``.
        contents: What files hold that scripts write.
        line: The one that is being read.
        functions: What the functions of the scripts run.
    """

    name: str
    folder: str | None = ""
    variables: dict[str, Text] = field(default_factory=dict)
    contents: dict[str, Text] = field(default_factory=dict)
    line: int = 0
    functions: dict[str, str] = field(default_factory=dict)
    _depth: int = 0
    _left: int = 10_000  # substitutions that are looked into

    @property
    def place(self) -> str:
        """The command that is being read."""
        return f"{self.name}:{self.line}"

    def text(self, word: Word) -> Text:
        """What becomes of a word."""
        return sum((self._part(part) for part in word), Text(""))

    def _part(self, part: Part) -> Text:
        match part:
            case str():
                return Text(part)
            case Variable():
                known = self.variables.get(part.name)
                return known or (Text(part.default) if part.default else unknown(part.name))
            case Expression():
                return self.expression(part.text)
            case Commands():
                if (known := self.variables.get(part.text.strip())) is not None:
                    return known  # Azure's $(NAME)
                self._left -= 1
                if self._depth > _DEEPEST or self._left < 0:
                    return UNKNOWN
                self._depth += 1
                said = self.said([*commands(part.text, part.line)])
                self._depth -= 1
                return said

    def expression(self, text: str) -> Text:
        """What becomes of ``${{ … }}``."""
        found = Text("")
        for arguments in _HASH.findall(text):
            if _STRING.sub("", arguments).strip(", \t\n"):
                return UNKNOWN
            said = (one.replace("''", "'") for one in _STRING.findall(arguments))
            found += Text("*", tuple(one.strip() for several in said for one in several.splitlines()), self.place)
        for name in _NAME.findall(_STRING.sub("", _HASH.sub("", text))):
            known = self.variables.get(name.removeprefix("env."))
            if known is not None:
                found += known
            elif name.startswith("env."):
                found += unknown(name.removeprefix("env."))
            elif _OPEN.fullmatch(name):
                return UNKNOWN
        return found if found.text else SOME

    def program(self, command: Command) -> tuple[str, list[Text]]:
        """The name of a command's program, and its arguments."""
        words = [*command.words]
        while words and (literal(words[0]) in programs.KEYWORDS or ASSIGNED.match(literal(words[0]))):
            words.pop(0)
        if not words:
            return "", []
        return posixpath.basename(self.text(words[0]).text), [self.text(word) for word in words[1:]]

    def is_digest(self, command: Command) -> bool:
        """Whether a command prints a digest."""
        program, arguments = self.program(command)
        return bool(programs.DIGESTS.fullmatch(program)) or (
            program == "git" and bool(arguments) and arguments[0].text == "hash-object"
        )

    def said(self, several: Sequence[Command]) -> Text:
        """What commands print: of which files a digest, or where something is."""
        folder = self.folder
        found = self.files(several)
        known = self._path_said(several[-1]) if several else None
        self.folder = folder
        if known:
            return known
        called = any(self.program(one)[0] in self.functions for one in several)
        if called or any(map(self.is_digest, several)) or not found.files or self._handed_on(several):
            return Text("*", found.files, found.place, found.changing)
        names = [one.text for command in several for one in self.program(command)[1]]
        # What a file holds, without a digest, is a version, say, and may change with everything.
        return next((self.contents[name] for name in names if name in self.contents), UNKNOWN)

    def files(self, several: Sequence[Command]) -> Text:
        """The files behind what commands print, digested or not."""
        found = Text("")
        for one in several:
            program, arguments = self.program(one)
            self.loop(program, arguments)
            self.assign(one.words)
            found += self._of(program, arguments)
            for word in (word for operator, word in one.redirected if operator in {"<", "<<<"}):
                text = self.text(word)
                found += replace(text, text="") if text.files or text.changing else self._file(text)
        return found

    def _path_said(self, command: Command) -> Text | None:
        """Where something is, as ``pwd``, ``dirname`` and ``git`` tell."""
        program, arguments = self.program(command)
        texts = [one.text for one in arguments]
        if program == "pwd" and self.folder is not None:
            return Text(f"{REPOSITORY}/{self.folder}".rstrip("/"))
        if program in {"dirname", "realpath", "readlink"} and texts and "*" not in texts[-1]:
            return Text(posixpath.dirname(texts[-1]) or ".") if program == "dirname" else Text(texts[-1])
        return Text(REPOSITORY) if program == "git" and texts == ["rev-parse", "--show-toplevel"] else None

    def _handed_on(self, several: Sequence[Command]) -> bool:
        """Whether commands only hand on a digest: ``echo $HASH | cut -c1-8``."""
        said = (self.program(one) for one in several)
        return any(text.files for program, arguments in said if program in SAYING for text in arguments)

    def _of(self, program: str, arguments: Sequence[Text]) -> Text:
        """The files behind what one of the commands prints."""
        if program in SAYING:
            return sum((replace(one, text="") for one in arguments), Text(""))
        if program in {"cd", "pushd"}:
            self.go(arguments)
        elif program == "git":
            return self._of_git(arguments)
        elif program in self.functions:
            return self._of_function(program, arguments)
        elif program in programs.READERS | programs.FILTERS or programs.DIGESTS.fullmatch(program):
            return sum((self._file(one) for one in programs.files_of(program, arguments)), Text(""))
        elif program not in programs.PASSING | programs.FIXED | _SILENT:
            return UNKNOWN
        return Text("")

    def _of_function(self, program: str, arguments: Sequence[Text]) -> Text:
        """What a function of the script prints, with these arguments."""
        self._left -= 1
        if self._depth > _DEEPEST or self._left < 0:
            return UNKNOWN
        before = {name: value for name, value in self.variables.items() if name.isdecimal() or name in {"@", "*"}}
        given = {str(number): one for number, one in enumerate(arguments, 1)}
        every = sum((one + Text(" ") for one in arguments), Text(""))
        self.variables |= {**given, "@": every, "*": every}
        self._depth += 1
        said = self.said([*commands(self.functions[program], self.line)])
        self._depth -= 1
        for name in (*given, "@", "*"):
            self.variables.pop(name, None)
        self.variables |= before
        return replace(said, text="")

    def _of_git(self, arguments: Sequence[Text]) -> Text:
        """``git hash-object FILE`` and ``git rev-parse HEAD:FOLDER``; what else it says changes with each commit."""
        texts = [one for one in arguments if not one.text.startswith("-")]
        verb = texts[0].text if texts else ""
        named = [one for one in texts[1:] if one.text != "HEAD"]
        if verb in {"hash-object", "ls-files", "ls-tree"} and named:
            return sum((self._file(one) for one in named), Text(""))
        if verb == "rev-parse" and named and named[0].text.startswith("HEAD:"):
            return Text("*", (named[0].text.removeprefix("HEAD:"),), self.place)
        return UNKNOWN

    def _file(self, name: Text) -> Text:
        """The content of files."""
        if name.files or name.changing or name.text.strip() == "*":
            return name if name.keyed else UNKNOWN
        if name.text in self.contents:
            return replace(self.contents[name.text], text="")
        return Text("", tuple(self.path(one) for one in name.text.split()), self.place)

    def path(self, text: str) -> str:
        """A path relative to the repository's root; somewhere, where it is not known from where."""
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
            self.variables[arguments[0].text] = sum((one + Text(" ") for one in arguments[2:]), Text(""))

    def assign(self, words: Iterable[Word]) -> None:
        """Set the variables that words assign to, up to the first that is none."""
        for word in words:
            begin = literal(word)
            if found := ASSIGNED.match(begin):
                self.variables[found[1]] = self.text((begin[found.end() :].lstrip("("), *word[1:]))
            elif begin not in programs.KEYWORDS | DECLARING and not begin.startswith("-"):
                return

    def go(self, arguments: Sequence[Text]) -> None:
        """Change the working directory."""
        where = arguments[0] if arguments else UNKNOWN
        path = "/" if where.changing or "*" in where.text else self.path(where.text)
        self.folder = None if path.startswith(("/", "~", "-", "..", "**")) else "" if path == "." else path


def unknown(name: str) -> Text:
    """What a variable holds of which no script says anything."""
    return UNKNOWN if _CHANGING.search(name) and not _OF_TOOLS.search(name) else SOME


def literal(word: Word) -> str:
    """What a word begins with, up to its first expansion."""
    return word[0] if word and isinstance(word[0], str) else ""


def pipelines(found: Iterator[Command]) -> Iterator[list[Command]]:
    """Commands in groups of which each reads what the one before it prints."""
    group: list[Command] = []
    for one in found:
        if group and not one.piped:
            yield group
            group = []
        group.append(one)
    if group:
        yield group
