"""Code and layers as the function sees them. A bundle is a value: none of this needs a zip."""

from __future__ import annotations

from pathlib import Path

from harness.artifact.bundle import Bundle, Clash, where
from harness.artifact.entries import Archive, Entry, Kind, Role


def made_of(source: str, *names: str | Entry, is_folder: bool = False) -> Archive:
    role = Role.CODE if source.startswith("code") else Role.LAYER
    entries = tuple(Entry(name, size=10) if isinstance(name, str) else name for name in names)
    return Archive(role, source, Path(source), sha256=source, entries=entries, is_folder=is_folder)


def sources(bundle: Bundle) -> dict[str, str]:
    return {path: item.archive.source for path, item in bundle.items.items()}


def test_code_is_at_var_task_and_layers_at_opt() -> None:
    bundle = Bundle(made_of("code.zip", "app/main.py"), (made_of("layer.zip", "python/x.py"),))
    assert sources(bundle) == {"/var/task/app/main.py": "code.zip", "/opt/python/x.py": "layer.zip"}


def test_the_same_name_in_code_and_layer_is_two_paths() -> None:
    bundle = Bundle(made_of("code.zip", "x.py"), (made_of("layer.zip", "x.py"),))
    assert set(bundle.items) == {"/var/task/x.py", "/opt/x.py"}
    assert all(item.overwrote == () for item in bundle.items.values())


def test_a_later_layer_wins_and_remembers_what_it_overwrote() -> None:
    first, second, third = (made_of(f"{name}.zip", "python/x.py") for name in ("first", "second", "third"))
    item = Bundle(None, (first, second, third)).items["/opt/python/x.py"]
    assert item.archive is third
    assert item.overwrote == (first, second)


def test_folders_merge_and_overwrite_nothing() -> None:
    first = made_of("first.zip", Entry("python", Kind.DIRECTORY, 0o700), "python/a.py")
    second = made_of("second.zip", Entry("python", Kind.DIRECTORY, 0o755), "python/b.py")
    items = Bundle(None, (first, second)).items
    assert set(items) == {"/opt/python", "/opt/python/a.py", "/opt/python/b.py"}
    assert (items["/opt/python"].entry.mode, items["/opt/python"].overwrote) == (0o755, ())


def test_a_file_in_place_of_a_folder_is_a_clash_and_hides_what_was_in_it() -> None:
    first, second = made_of("first.zip", "python/x/a.py"), made_of("second.zip", "python/x")
    bundle = Bundle(None, (first, second))
    assert bundle.clashes == (Clash("/opt/python/x", file=second, folder=first),)
    assert set(bundle.items) == {"/opt/python/x"}


def test_a_folder_in_place_of_a_file_is_a_clash_and_replaces_it() -> None:
    first, second = made_of("first.zip", "python/x"), made_of("second.zip", "python/x/a.py")
    bundle = Bundle(None, (first, second))
    assert bundle.clashes == (Clash("/opt/python/x", file=first, folder=second),)
    assert set(bundle.items) == {"/opt/python/x/a.py"}


def test_code_and_layers_never_clash() -> None:
    assert Bundle(made_of("code.zip", "x"), (made_of("layer.zip", "x/a.py"),)).clashes == ()


def test_every_archive_counts_whole() -> None:
    bundle = Bundle(made_of("code.zip", "a"), (made_of("one.zip", "b", "c"), made_of("two.zip", "b")))
    assert bundle.unzipped_bytes == 40
    assert [archive.source for archive in bundle.archives] == ["code.zip", "one.zip", "two.zip"]


def test_a_bundle_may_have_no_code_and_no_layers() -> None:
    assert Bundle().archives == ()
    assert dict(Bundle().items) == {}


def test_where_an_item_is() -> None:
    layers = (made_of("build/layer.zip", "python/x.py"), made_of("build/layer", "python/y.py", is_folder=True))
    items = Bundle(None, layers).items
    assert where(items["/opt/python/x.py"]) == "build/layer.zip!python/x.py"
    assert where(items["/opt/python/y.py"]) == "build/layer/python/y.py"


def test_bundles_of_the_same_archives_are_equal() -> None:
    assert Bundle(made_of("code.zip", "a")) == Bundle(made_of("code.zip", "a"))
