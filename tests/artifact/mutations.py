"""Archives a step away from sound ones: one field of a record changed, or a few bytes, by a seed."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.artifact.zips import (
    SEE_WIDE,
    Member,
    archive,
    archive64,
    deflated,
    extra,
    folder,
    member,
    symlink,
    unicode_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TEXT = b"import os\n\n\ndef handler(event, context):\n    return os.environ\n" * 3
TIMES = extra(0x5455, b"\3" + struct.pack("<2L", 1_735_732_800, 1_735_732_800))
OWNER = extra(0x7875, b"\1\4" + struct.pack("<L", 993) + b"\4" + struct.pack("<L", 993))


@dataclass(frozen=True)
class Recipe:
    """An archive before it is written: its entries, and what is not as the entries have it."""

    members: tuple[Member, ...]
    gap: bytes = b""
    end: dict[str, Any] = field(default_factory=dict)
    wide: dict[str, Any] | None = None

    def bytes(self) -> bytes:
        """The archive."""
        if self.wide is not None:
            return archive64(*self.members, **self.wide)
        return archive(*self.members, gap=self.gap, **self.end)


def _wide_sizes(one: Member) -> bytes:
    return extra(1, struct.pack("<2Q", one.central.size, one.central.zipped))


def _streamed_wide(one: Member) -> Member:
    sizes = extra(1, struct.pack("<2Q", 0, 0))
    return one.streamed("<LQQ").in_header(size=SEE_WIDE, zipped=SEE_WIDE, extra=sizes)


PLAIN = member("main.py", TEXT, deflate=True)
STORED = member("app/data.json", b'{"a": 1}')
LOCAL_WIDE = PLAIN.in_header(size=SEE_WIDE, zipped=SEE_WIDE, extra=_wide_sizes(PLAIN))
BOTH_WIDE = PLAIN.stating(size=SEE_WIDE, zipped=SEE_WIDE, extra=_wide_sizes(PLAIN))
OFFSET_WIDE = STORED.in_directory(
    size=SEE_WIDE, zipped=SEE_WIDE, extra=extra(1, struct.pack("<3Q", STORED.central.size, STORED.central.zipped, 0))
).but(offset=SEE_WIDE)
TWICE = member("größe.py").stating(extra=unicode_path("größe.py", "größe.py".encode()))

BASES: dict[str, Recipe] = {
    "plain": Recipe((PLAIN, STORED)),
    "folders": Recipe((folder("app"), STORED, folder("app/empty"), member("app/empty.py", b""))),
    "descriptors": Recipe((PLAIN.streamed(), STORED.streamed(), member("z.py", b"").streamed())),
    "descriptors without a signature": Recipe((PLAIN.streamed(signature=b""), STORED)),
    "wide descriptors": Recipe((_streamed_wide(PLAIN), _streamed_wide(PLAIN.stating(name=b"b.py")))),
    "wide sizes in the header": Recipe((LOCAL_WIDE, STORED)),
    "wide sizes": Recipe((BOTH_WIDE, STORED)),
    "a wide offset": Recipe((OFFSET_WIDE, PLAIN)),
    "a wide end": Recipe((PLAIN, STORED), wide={}),
    "links": Recipe((member("lib/libx.so.1", b"\x7fELF"), symlink("lib/libx.so", "libx.so.1"), symlink("main", "lib"))),
    "Unicode": Recipe((member("größe.py", TEXT, deflate=True), member("日本/語.py"), folder("ordner-ä"))),
    "Unicode twice": Recipe((TWICE, PLAIN)),
    "comments": Recipe((PLAIN.but(comment=b"of the entry"), STORED), end={"comment": b"of the archive"}),
    "extra fields": Recipe((PLAIN.stating(extra=TIMES + OWNER), STORED.in_header(extra=TIMES), folder("a"))),
    "a dot in front": Recipe((member("./main.py", TEXT, deflate=True), folder("./app"), member("./app/a.py"))),
    "no Unix": Recipe((PLAIN.but(host=0, mode=0, dos=0x20), folder("app").but(host=0, mode=0, dos=0x10), STORED)),
    "modes": Recipe((PLAIN.but(mode=0o100755), STORED.but(mode=0o100600), folder("app").but(mode=0o40700))),
    "an archive inside": Recipe((member("inner.zip", archive(member("x.py"))), PLAIN)),
}

NUMBERS = {
    "version": (0, 10, 20, 45, 46, 63, 0xFFFF),
    "flags": (0, 1, 2, 4, 6, 8, 0x20, 0x40, 0x800, 0x808, 0x2000, 0xFFFF),
    "method": (0, 1, 8, 9, 12, 14, 93, 99),
    "crc": (0, 1, SEE_WIDE),
    "zipped": (0, 1, 8, 0x7FFFFFFF, SEE_WIDE - 1, SEE_WIDE),
    "size": (0, 1, 8, 0x7FFFFFFF, SEE_WIDE - 1, SEE_WIDE),
}
MODES = (0, 0o644, 0o100644, 0o100755, 0o40755, 0o120777, 0o10644, 0o20644, 0o140644, 0o104755, 0o170755, 0o100000)
HOSTS = (0, 1, 2, 3, 6, 7, 10, 11, 14, 19, 30, 255)
PIECES = (b"/", b".", b"..", b"./", b"../", b"\\", b":", b"\0", b"\n", b" ", b"~", b"C:", b"\xff", b"\xc3\xa4", b"a")


def _number(rng: random.Random, key: str, old: int) -> int:
    width = 16 if key in ("version", "flags", "method") else 32
    near = (old + 1, old - 1, old ^ 1 << rng.randrange(width))
    return rng.choice((*NUMBERS[key], *near)) & (1 << width) - 1


def _name(rng: random.Random, old: bytes) -> bytes:
    at = rng.randrange(len(old) + 1)
    match rng.randrange(5):
        case 0:
            return old[:at] + rng.choice(PIECES) + old[at:]
        case 1:
            return old[:at] + old[at + 1 :]
        case 2:
            return old.rstrip(b"/") if old.endswith(b"/") else old + b"/"
        case 3:
            return rng.choice(PIECES) + old
        case _:
            return old.swapcase()


def _extra(rng: random.Random, one: Member, old: bytes) -> bytes:
    sizes = (one.central.size, one.central.zipped, 0, one.local.size, len(one.data), SEE_WIDE)
    wide = b"".join(struct.pack("<Q", rng.choice(sizes)) for _ in range(rng.randrange(4)))
    raw = one.central.name
    new = rng.choice(
        (
            extra(1, wide),
            extra(1, struct.pack("<2Q", len(one.data), len(one.data))),
            extra(1, wide + struct.pack("<L", rng.choice((0, 1)))),
            unicode_path(rng.choice(("other.py", raw.decode("utf-8", "replace"), "größe.py")), raw),
            extra(
                rng.choice((0x5455, 0x7875, 0x000A, 0x6375, 0xCAFE, 0x9901, 0x0017)), rng.randbytes(rng.randrange(12))
            ),
            b"\0" * rng.randrange(1, 6),
            rng.randbytes(rng.randrange(1, 6)),
        )
    )
    return rng.choice((new, old + new, new + old, old[: rng.randrange(len(old) + 1)], b""))


def _headers(rng: random.Random, one: Member) -> Member:
    """One field of the header, of the directory, or of both."""
    key = rng.choice((*NUMBERS, "name", "extra", "stamp", "name", "extra"))
    old = getattr(one.central, key)
    if key == "name":
        new: Any = _name(rng, old)
    elif key == "extra":
        new = _extra(rng, one, old)
    elif key == "stamp":
        new = (rng.randrange(0x10000), rng.randrange(0x10000))
    else:
        new = _number(rng, key, old)
    change = rng.choice((Member.stating, Member.in_directory, Member.in_header))
    return change(one, **{key: new})


def _member(rng: random.Random, one: Member) -> Member:  # noqa: PLR0911 - one for each
    """What else an entry has."""
    stated = (one.central.crc, one.central.zipped, one.central.size)
    match rng.randrange(9):
        case 0:
            return one.but(mode=rng.choice(MODES))
        case 1:
            return one.but(dos=rng.choice((0, 1, 0x10, 0x20, 0x30, 0xFFFF)))
        case 2:
            return one.but(host=rng.choice(HOSTS))
        case 3:
            return one.but(comment=rng.choice((b"x", b"PK\5\6" + bytes(18), b"PK\1\2", rng.randbytes(40))))
        case 4:
            return one.but(before=rng.choice((b"\0", b"PK\3\4", rng.randbytes(7))))
        case 5:
            forms = ("<LLL", "<LQQ")
            descriptor = rng.choice((b"", b"PK\7\x08")) + struct.pack(rng.choice(forms), *stated)
            return one.but(descriptor=rng.choice((descriptor, b"", descriptor[:-1], descriptor + b"\0")))
        case 6:
            return one.streamed(rng.choice(("<LLL", "<LQQ")), signature=rng.choice((b"", b"PK\7\x08")))
        case 7:
            data = rng.choice((one.data + b"x", one.data[:-1], deflated(TEXT), b"\3\0", deflated(b"") + b"\0"))
            return one.but(data=data).stating(zipped=len(data))
        case _:
            return one.but(disk=rng.choice((0, 1, 0xFFFF)))


def _resized(rng: random.Random, one: Member) -> Member:
    """Other content, stated as it is."""
    content = rng.choice((b"", b"x", TEXT, rng.randbytes(50), b"main.py", b"../x", b"/etc/passwd"))
    data = deflated(content) if one.central.method else content
    return one.but(data=data).stating(crc=zlib.crc32(content), zipped=len(data), size=len(content))


def _recipe(rng: random.Random, recipe: Recipe) -> Recipe:
    """What the archive has as a whole."""
    members = list(recipe.members)
    match rng.randrange(6):
        case 0:
            rng.shuffle(members)
        case 1:
            members.append(rng.choice(members))
        case 2:
            members.insert(rng.randrange(len(members) + 1), rng.choice(rng.choice(list(BASES.values())).members))
        case 3 if recipe.wide is None:
            key = rng.choice(("count", "size", "offset", "disk", "here", "comment"))
            value: Any = rng.choice((0, 1, 2, 0xFFFF)) if key != "comment" else rng.randbytes(rng.randrange(30))
            return replace(recipe, end={**recipe.end, key: value})
        case 4:
            choices: tuple[dict[str, Any], ...] = (
                {"narrow_count": len(members)},
                {"disks": 0},
                {"disks": 2},
                {"between": b"x"},
                {},
            )
            return replace(recipe, wide=rng.choice(choices), end={})
        case _:
            return replace(recipe, gap=rng.choice((b"\0", b"PK\1\2")))
    return replace(recipe, members=tuple(members))


def _one(rng: random.Random, recipe: Recipe) -> Recipe:
    change: Callable[[random.Random, Member], Member]
    change = rng.choice((_headers, _headers, _headers, _member, _member, _resized))
    if rng.random() < 0.15:
        return _recipe(rng, recipe)
    at = rng.randrange(len(recipe.members))
    members = (*recipe.members[:at], change(rng, recipe.members[at]), *recipe.members[at + 1 :])
    return replace(recipe, members=members)


def _damaged(rng: random.Random, content: bytes) -> bytes:
    """A few bytes that are others, more or fewer."""
    raw = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(raw))
        match rng.randrange(4):
            case 0:
                raw[at] ^= 1 << rng.randrange(8)
            case 1:
                raw[at] = rng.choice((0, 1, 0xFF, 0x2F, 0x2E))
            case 2:
                raw[at:at] = rng.randbytes(1)
            case _:
                del raw[at : at + rng.choice((1, 2, 16))]
    return bytes(raw)


def mutated(number: int) -> tuple[str, bytes]:
    """One archive, by its number: where it comes from, and its bytes."""
    rng = random.Random(number)  # noqa: S311 - to be repeated, not to be kept secret
    name = rng.choice(sorted(BASES))
    recipe = BASES[name]
    kind = rng.random()
    if kind < 0.75:
        for _ in range(rng.choice((1, 1, 1, 2))):
            recipe = _one(rng, recipe)
        try:
            return name, recipe.bytes()
        except struct.error:  # a number that no field holds, such as a name that is too long
            return name, BASES[name].bytes()
    return name, _damaged(rng, recipe.bytes())


def several(numbers: Sequence[int]) -> Iterator[tuple[int, str, bytes]]:
    """Archives by their numbers."""
    for number in numbers:
        yield (number, *mutated(number))
