"""Archives that must be refused, each for one rule, beside the words that its refusal must contain."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import tarfile
import zlib
from typing import TYPE_CHECKING, NamedTuple

from harness.artifact.entries import Role
from tests.artifact.zips import (
    SEE_WIDE,
    archive,
    archive64,
    deflated,
    end_record,
    extra,
    folder,
    member,
    symlink,
    unicode_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Hostile(NamedTuple):
    """One rule: how to break it, what the refusal says, and for which role the archive is meant."""

    make: Callable[[], bytes]
    says: str
    role: Role


CORPUS: list[Hostile] = []


def refused(says: str, role: Role = Role.CODE) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def note(make: Callable[[], bytes]) -> Callable[[], bytes]:
        CORPUS.append(Hostile(make, says, role))
        return make

    return note


# What a name may be.


@refused("has an absolute name")
def absolute_name() -> bytes:
    return archive(member("/etc/passwd"))


@refused("has an absolute name")
def root_as_folder() -> bytes:
    return archive(member(b"/", b""))


@refused('climbs out of its folder with ".."')
def parent_folder_in_name() -> bytes:
    return archive(member("app/../../escaped.py"))


@refused('climbs out of its folder with ".."')
def parent_folder_as_folder() -> bytes:
    return archive(member("../", b""))


@refused("backslash")
def backslash_in_name() -> bytes:
    return archive(member("app\\main.py"))


@refused("backslash")
def parent_folder_by_backslash() -> bytes:
    return archive(member("..\\escaped.py"))


@refused("NUL")
def nul_in_name() -> bytes:
    return archive(member("main.py\0.txt"))


@refused("drive letter")
def drive_letter() -> bytes:
    return archive(member("C:/Windows/evil.py"))


@refused("component of more than 255 bytes")
def long_component() -> bytes:
    return archive(member("ü" * 128 + ".py"))


@refused("name of more than 4,086 bytes")
def long_path() -> bytes:
    return archive(member("/".join(["folder"] * 600)))


@refused("empty name")
def empty_name() -> bytes:
    return archive(member(""))


@refused('"." component')
def dot_component() -> bytes:
    return archive(member("app/./main.py"))


@refused('empty component ("//")')
def doubled_slash() -> bytes:
    return archive(member("app//main.py"))


@refused('empty component ("//")')
def folder_with_two_slashes() -> bytes:
    return archive(member("app//", b""))


@refused("control character")
def newline_in_name() -> bytes:
    return archive(member("main\n.py"))


@refused("control character")
def escape_sequence_in_name() -> bytes:
    return archive(member("\x1b[2Jmain.py"))


@refused("unknown character set")
def unmarked_character_set() -> bytes:
    return archive(member("größe.py".encode("cp437")))


@refused("marked as UTF-8 and is not")
def false_utf8_mark() -> bytes:
    return archive(member(b"gr\x94\xe1e.py").stating(flags=0x800))


@refused("second, different name")
def second_name_in_extra_field() -> bytes:
    return archive(member("good.py").stating(extra=unicode_path("evil.py", b"good.py")))


@refused("second, different name")
def name_behind_another() -> bytes:
    return archive(member(b"god.py").stating(extra=unicode_path("evil.py", b"god.py")))


@refused("second, different name")
def name_behind_an_escaped_one() -> bytes:
    return archive(member(b"g#U00f6d.py").stating(extra=unicode_path("göd.py", b"g#U00f6d.py")))


@refused("unknown character set")
def name_behind_one_in_another_character_set() -> bytes:
    return archive(member(b"g\x94d.py").stating(extra=unicode_path("göd.py", b"g\x94d.py")))


@refused("belongs to another name")
def unicode_name_of_another_name() -> bytes:
    return archive(member("göd.py").stating(extra=unicode_path("göd.py", b"other.py")))


# Names beside one another.


@refused("is in the archive twice")
def duplicate_name() -> bytes:
    return archive(member("a.py", b"good"), member("a.py", b"evil"))


@refused("is in the archive twice")
def duplicate_folder() -> bytes:
    return archive(folder("app"), folder("app"))


@refused("only by case")
def names_that_differ_by_case() -> bytes:
    return archive(member("app/Main.py"), member("app/main.py"))


@refused("only by case")
def folders_that_differ_by_case() -> bytes:
    return archive(member("App/a.py"), member("app/b.py"))


@refused("only by Unicode normalisation")
def names_that_differ_by_normalisation() -> bytes:
    return archive(member("caf\u00e9.py"), member("cafe\u0301.py"))


@refused("needs a folder where the file app is")
def file_where_a_folder_is_needed() -> bytes:
    return archive(member("app"), member("app/main.py"))


@refused("is a file where other entries need a folder")
def file_after_the_folder_it_replaces() -> bytes:
    return archive(member("app/main.py"), member("app"))


@refused("needs a folder where the symlink app is")
def entry_below_a_symlink() -> bytes:
    return archive(symlink("app", "lib"), member("app/main.py"))


# What an entry may be.


@refused("Lambda fails to convert a layer", Role.LAYER)
def symlink_in_a_layer() -> bytes:
    return archive(member("lib/libx.so.1"), symlink("lib/libx.so", "libx.so.1"))


@refused("absolute path /etc/passwd")
def absolute_symlink() -> bytes:
    return archive(symlink("a.py", "/etc/passwd"))


@refused("leaves the archive's root")
def symlink_out_of_the_root() -> bytes:
    return archive(symlink("app/a.py", "../../etc/passwd"))


@refused("leaves the archive's root")
def symlink_out_of_the_root_by_way_of_another() -> bytes:
    return archive(symlink("deep/down/up", "../.."), symlink("deep/down/out", "up/../../etc"))


@refused("never arrives")
def symlinks_in_a_circle() -> bytes:
    return archive(symlink("a", "b"), symlink("b", "a"))


@refused("symbolic link to nothing")
def symlink_without_a_target() -> bytes:
    return archive(symlink("a.py", ""))


@refused("path of more than 4,096 bytes")
def endless_symlink() -> bytes:
    return archive(symlink("a.py", "x/" * 3000))


@refused("to some readers and something else to others")
def symlink_from_a_system_without_symlinks() -> bytes:
    return archive(symlink("a.py", "b.py").but(host=0))


@refused("to some readers and something else to others")
def symlink_of_macos_by_its_own_number() -> bytes:
    return archive(symlink("a.py", "b.py").but(host=19))


@refused("device, a pipe or a socket")
def device() -> bytes:
    return archive(member("null", b"").but(mode=0o020666))


@refused("device, a pipe or a socket")
def named_pipe() -> bytes:
    return archive(member("pipe", b"").but(mode=0o010644))


@refused("folder by its mode and a file by its name")
def folder_by_mode_alone() -> bytes:
    return archive(member("app", b"").but(mode=0o040755))


@refused("folder that has content")
def folder_with_content() -> bytes:
    return archive(member(b"app/", b"hidden"))


@refused("is encrypted")
def encrypted() -> bytes:
    return archive(member().stating(flags=1))


@refused("is encrypted")
def strongly_encrypted() -> bytes:
    return archive(member().stating(flags=0x41))


@refused("method (bzip2)")
def bzip2_method() -> bytes:
    return archive(member().stating(method=12))


@refused("method (number 77)")
def unknown_method() -> bytes:
    return archive(member().stating(method=77))


@refused("newer version")
def version_of_the_future() -> bytes:
    return archive(member().stating(version=99))


# The directory and the headers.


@refused("is called b'evil.py' in its own header")
def another_name_in_the_header() -> bytes:
    return archive(member("good.py").in_header(name=b"evil.py"))


@refused("has one compression method in the directory")
def another_method_in_the_header() -> bytes:
    return archive(member(deflate=True).in_header(method=0))


@refused("flags in its own header")
def encryption_in_the_header_alone() -> bytes:
    return archive(member().in_header(flags=1))


@refused("size or a checksum in its own header")
def another_size_in_the_header() -> bytes:
    return archive(member().in_header(size=1))


@refused("size or a checksum in its own header")
def another_checksum_in_the_header() -> bytes:
    return archive(member().in_header(crc=1))


@refused("after its bytes that disagree")
def false_data_descriptor() -> bytes:
    return archive(member(deflate=True).streamed().but(descriptor=b"PK\x07\x08" + bytes(12)))


@refused("after its bytes that disagree")
def missing_data_descriptor() -> bytes:
    return archive(member(deflate=True).streamed().but(descriptor=b""))


@refused("not where the directory says")
def header_elsewhere() -> bytes:
    return archive(member()).replace(b"PK\x03\x04", b"PK\x03\x03")


@refused("runs into what follows it")
def two_names_for_one_entry() -> bytes:
    return archive(member("a.py"), member("a.py").in_directory(name=b"b.py").but(offset=0))


@refused("runs into what follows it")
def overlapping_entries() -> bytes:
    return archive(member("a.py", b"x" * 10).stating(zipped=60, size=60), member("b.py"))


@refused("runs into what follows it")
def entry_that_runs_into_the_directory() -> bytes:
    return archive(member().stating(zipped=1000, size=1000))


@refused("two readers could read differently")
def zip64_field_with_one_size_of_two() -> bytes:
    one = member()
    return archive(one.stating(zipped=SEE_WIDE, extra=extra(1, struct.pack("<Q", one.central.zipped + 0))))


@refused("zip64 field that disagrees")
def zip64_field_with_the_offset_alone() -> bytes:
    return archive(member().in_directory(extra=extra(1, struct.pack("<Q", 0))).but(offset=SEE_WIDE))


@refused("sizes or a checksum after its bytes")
def descriptor_of_64_bits_without_a_zip64_field() -> bytes:
    return archive(member().streamed("<LQQ"), member("b.py"))


@refused("sizes or a checksum after its bytes")
def descriptor_of_32_bits_with_a_zip64_field() -> bytes:
    sizes = extra(1, struct.pack("<2Q", 0, 0))
    return archive(member().streamed().in_header(size=SEE_WIDE, zipped=SEE_WIDE, extra=sizes), member("b.py"))


@refused("is one part of an archive in several parts")
def zip64_locator_of_no_parts() -> bytes:
    return archive64(member(), disks=0)


@refused("is the root of the archive itself")
def root_itself() -> bytes:
    return archive(member(b"./", b""), member())


@refused("is a folder by its attributes")
def folder_by_its_attributes() -> bytes:
    return archive(member("app", b"").but(dos=0x10))


@refused("flags in its own header")
def reserved_flag_in_one_place() -> bytes:
    return archive(member().in_header(flags=1 << 14))


@refused("zip64 field that disagrees")
def superfluous_zip64_field_with_another_size() -> bytes:
    return archive(member().stating(extra=extra(1, struct.pack("<2Q", 999, 999))))


@refused("zip64 field that disagrees")
def zip64_field_without_the_size() -> bytes:
    return archive(member().stating(size=SEE_WIDE, extra=extra(1, b"")))


@refused("same extra field twice")
def zip64_field_twice() -> bytes:
    field = extra(1, struct.pack("<Q", 8))
    return archive(member().stating(size=SEE_WIDE, extra=field + field))


@refused("longer than the room for it")
def broken_extra_field() -> bytes:
    return archive(member().stating(extra=struct.pack("<2H", 0x5455, 500)))


# Hidden bytes, and the ends.


@refused("7 hidden bytes before it")
def bytes_before_the_archive() -> bytes:
    return archive(member().but(before=b"MZ hide"))


@refused("hidden before the archive")
def program_glued_before_the_archive() -> bytes:
    return b"#!/bin/sh\n" + archive(member())


@refused("4 hidden bytes before it")
def bytes_between_the_entries() -> bytes:
    return archive(member("a.py"), member("b.py").but(before=b"hide"))


@refused("4 hidden bytes before it")
def entry_that_the_directory_omits() -> bytes:
    return archive(member("a.py"), member("c.py").but(before=b"PK\x03\x04"))


@refused("4 bytes hidden between its last entry and its directory")
def bytes_before_the_directory() -> bytes:
    return archive(member(), gap=b"hide")


@refused("4 bytes hidden after its end")
def bytes_after_the_end() -> bytes:
    return archive(member()) + b"hide"


@refused("second end record inside its comment")
def second_archive_in_the_comment() -> bytes:
    return archive(member("good.py"), comment=archive(member("evil.py")))


@refused("breaks off inside its comment")
def truncated_comment() -> bytes:
    return archive(member(), comment=b"a long comment")[:-4]


@refused("no record number 2")
def fewer_records_than_announced() -> bytes:
    return archive(member(), count=2)


@refused("bytes hidden after the last record")
def more_records_than_announced() -> bytes:
    return archive(member("a.py"), member("b.py"), count=1)


@refused("runs past the end record")
def directory_past_the_end() -> bytes:
    return archive(member(), size=5000)


@refused("in several parts")
def several_parts() -> bytes:
    return archive(member(), disk=1)


@refused("in several parts")
def records_in_another_part() -> bytes:
    return archive(member(), here=0)


@refused("contradict each other")
def two_end_records_that_disagree() -> bytes:
    return archive64(member(), narrow_count=2)


@refused("points to no zip64 end record")
def zip64_locator_to_nowhere() -> bytes:
    return archive64(member(), locator_shift=3)


@refused("hidden between its end records")
def bytes_between_the_end_records() -> bytes:
    return archive64(member(), between=b"hide")


@refused("holds more than 262,144 entries")
def more_entries_than_memory() -> bytes:
    one = archive(member("a.py", b""))
    wide = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 300_000, 300_000, len(one) - 22, 0)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, len(one) - 22, 1)
    return one[:-22] + wide + locator + end_record(count=0xFFFF, size=SEE_WIDE, offset=SEE_WIDE)


@refused("has no entries")
def no_entries() -> bytes:
    return end_record()


# Bytes that are not what is declared: known only while unpacking.


@refused("inflates to more than the 10 bytes")
def bomb() -> bytes:
    return archive(member(content=bytes(50_000_000), deflate=True).stating(size=10))


@refused("over the limit")
def honest_bomb() -> bytes:
    return archive(member(content=bytes(270_000_000 // 4), deflate=True).stating(size=270_000_000))


@refused("holds 8 bytes and declares 9")
def shorter_than_declared() -> bytes:
    return archive(member(deflate=True).stating(size=9))


@refused("does not match its checksum")
def wrong_checksum() -> bytes:
    return archive(member().stating(crc=1))


@refused("compressed bytes are damaged")
def damaged_deflate_stream() -> bytes:
    data = b"\xff" * 20
    return archive(member(deflate=True).stating(zipped=len(data)).but(data=data))


@refused("breaks off inside its compressed bytes")
def truncated_deflate_stream() -> bytes:
    data = deflated(b"print()\n" * 100)[:-3]
    return archive(member(content=b"print()\n" * 100, deflate=True).stating(zipped=len(data)).but(data=data))


@refused("hides 4 bytes after its compressed bytes")
def bytes_after_the_deflate_stream() -> bytes:
    data = deflated(b"print()\n") + b"hide"
    return archive(member(deflate=True).stating(zipped=len(data)).but(data=data))


@refused("hides 4 bytes after its compressed bytes")
def bytes_after_a_deflate_stream_of_several_pieces() -> bytes:
    data = deflated(bytes(3_000_000)) + b"hide"
    return archive(member(content=bytes(3_000_000), deflate=True).stating(zipped=len(data)).but(data=data))


@refused("hides 4 bytes after its compressed bytes")
def bytes_in_a_folder() -> bytes:
    data = deflated(b"") + b"hide"
    return archive(member(b"app/", b"", deflate=True).stating(zipped=len(data)).but(data=data))


@refused("two different sizes")
def stored_with_two_sizes() -> bytes:
    return archive(member().stating(size=100))


# What is no archive at all.


@refused("is an empty file")
def nothing() -> bytes:
    return b""


@refused("is truncated")
def truncated_download() -> bytes:
    return archive(member(content=bytes(range(256)) * 40))[:5000]


@refused("HTML page")
def web_page() -> bytes:
    return b"<!DOCTYPE html>\n<html><title>Sign in</title></html>"


@refused("Git LFS pointer")
def lfs_pointer() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@refused("S3's error answer (AccessDenied)")
def s3_error() -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


@refused("JSON document")
def json_answer() -> bytes:
    return b'{"message": "Not Found"}'


@refused("base64 text of a zip archive")
def base64_text() -> bytes:
    return base64.encodebytes(archive(member()))


@refused("gzip file")
def gzip_file() -> bytes:
    return gzip.compress(b"print()")


@refused("tar archive")
def tar_archive() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.py"))
    return raw.getvalue()


@refused("7z archive")
def seven_zip_archive() -> bytes:
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24)


@refused("not a zip archive")
def noise() -> bytes:
    return zlib.compress(b"noise")
