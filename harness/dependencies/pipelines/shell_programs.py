"""The effects of common programs on the files that they are given."""

from __future__ import annotations

import re
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.shell_text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Print a digest of files, or of their input.
DIGESTS: Final = re.compile(
    r"g?(?:sha(?:\d+|3)?sum|md5sum|md5|b2sum|b3sum|cksum|sum)|sha(?:\d+)?|shasum|xxh\w*sum|rhash|openssl|"
    r"Get-FileHash|certutil",
    re.IGNORECASE,
)
# Their output is made of the files that they are given.
READERS: Final = frozenset(
    {"cat", "head", "tail", "sort", "uniq", "find", "fd", "tar", "ls", "gzip", "du", "Get-Content"}
)
# The same, and the first argument selects what of the files.
FILTERS: Final = frozenset({"jq", "yq", "grep", "egrep", "rg", "sed", "gsed", "awk", "gawk", "perl", "tomlq", "dasel"})
# Look at their input alone.
PASSING: Final = frozenset({"cut", "tr", "wc", "base64", "xxd", "od", "rev", "fold", "paste", "true", "tee", "column"})
# Print the same in every run of a job, or nothing about the content of files.
FIXED: Final = frozenset(
    {
        *("uname", "arch", "whoami", "hostname", "nproc", "basename", "dirname", "pwd", "realpath"),
        *("readlink", "tput", "lsb_release", "id", "which", "test", "["),
    }
)
# Find something again under a name.
REUSING: Final = frozenset(
    {
        *("aws", "aws2", "gsutil", "gcloud", "az", "curl", "wget", "s3cmd", "s5cmd", "rclone", "mc", "cp"),
        *("mv", "ln", "rsync", "tar", "unzip", "test", "[", "[[", "ls", "stat", "cache", "restore_cache"),
        *("buildkite-agent", "gh", "terraform", "tofu", "sam", "cdk", "npx", "serverless", "sls"),
        *("pulumi", "7z"),
    }
)
TESTS: Final = frozenset({"test", "[", "[["})
# Stand before the program of a command.
KEYWORDS: Final = frozenset(
    {
        *("if", "elif", "then", "else", "while", "until", "do", "!", "{", "time", "sudo", "exec", "env"),
        *("nice", "xargs", "parallel", "-0", "-r", "-n1", "-n", "1", "-I{}", "-I", "-E", "builtin"),
    }
)
_WITH_VALUE: Final = frozenset(
    {
        *("-a", "-A", "--algorithm", "-d", "-f", "-c", "-n", "-k", "-t", "-type", "-maxdepth"),
        *("-mindepth", "-I", "-P", "-s", "-path", "-hashfile", "-Algorithm", "-m"),
    }
)
_NO_FILES: Final = frozenset(
    {"dgst", "md5", "sha1", "sha256", "sha512", "-", "--", "\\", "{}", "+", ";", "SHA256", "MD5"}
)
_FLAGS: Final = re.compile(r"[a-zA-Z]{1,4}")  # `tar czf …`
_PUBLISHES: Final = frozenset({"put-object", "publish-layer-version", "update-function-code", "create-function"})
_SENDS: Final = re.compile(r"(?:^| )(?:-T|--upload-file|(?:-X|--request) (?:PUT|POST))(?: |$)")
_COPIES: Final = frozenset({"cp", "mv", "sync", "copy", "rsync", "ln"})


def files_of(program: str, arguments: Sequence[Text]) -> Iterator[Text]:
    """The files that a program is given, as patterns."""
    if program in {"find", "fd"}:
        yield from _searched(arguments)
        return
    is_filter, skip = program in FILTERS, False
    for argument in arguments:
        text = argument.text
        if skip or text.startswith("-"):
            skip = not skip and text in _WITH_VALUE and program not in {"cat", "tar"}
        elif is_filter:
            is_filter = False  # the expression
        elif text and text not in _NO_FILES and not (program == "tar" and _FLAGS.fullmatch(text)):
            yield argument


def _searched(arguments: Sequence[Text]) -> Iterator[Text]:
    """The folders that ``find`` walks through, narrowed by its conditions on names."""
    folders = [*takewhile(lambda one: not one.text.startswith(("-", "(", "!")), arguments)] or [Text(".")]
    pairs = pairwise(argument.text for argument in arguments)
    names = [value for flag, value in pairs if flag in {"-name", "-iname"}]
    for folder in folders:
        yield from (folder + Text(f"/**/{name}") for name in names)
        if not names:
            yield folder


def is_upload(program: str, arguments: Sequence[Text]) -> bool:
    """Whether a command only writes what it names, so that it brings nothing back."""
    texts = [argument.text for argument in arguments]
    if program in {"curl", "wget"}:
        return bool(_SENDS.search(" ".join(texts)))
    if program == "tar":
        return any(re.fullmatch(r"-?\w*c\w*|--create", text) for text in texts[:2])
    if _PUBLISHES.intersection(texts):
        return True
    begin = 0 if program in _COPIES else next((at for at, text in enumerate(texts, 1) if text in _COPIES), None)
    if begin is None:
        return False
    ends = [argument for argument in arguments[begin:] if not argument.text.startswith("-")][:2]
    return len(ends) == 2 and bool(ends[1].files) and not ends[0].files  # noqa: PLR2004 - from here to there
