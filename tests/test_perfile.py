"""What is computed of each file is computed again whenever the file may have changed, and not otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import per_file
from tests.faults.making import no_privilege

OLD = 10**9  # ns since 1970, of files that nobody has changed for long


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Files:
    """Three files; `read()` gives their contents by `per_file`, `asked` the names of those that were opened for it."""

    def __init__(self, folder: Path) -> None:
        self.files = [folder / name for name in "abc"]
        self.asked: list[str] = []
        for file in self.files:
            file.write_text("old " + file.name)

    def read(self) -> list[str]:
        def content(file: Path) -> str:
            self.asked.append(file.name)
            return file.read_text()

        self.asked.clear()
        return per_file(content, self.files, "contents", "files read")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Remembered, as files are that have been there for an hour."""
    made = Files(tmp_path)
    later(monkeypatch, 3600)
    assert made.read() == ["old a", "old b", "old c"]
    assert made.asked == ["a", "b", "c"]
    return made


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """As if so many seconds had passed since the files were made, of which none can be set back."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + int(seconds * 10**9))


def replaced(file: Path) -> None:
    """By another of the same size that is older."""
    (other := file.with_suffix(".new")).write_text("NEW b")
    os.utime(other, ns=(OLD, OLD))
    other.rename(file)


def same_size(file: Path) -> None:
    file.write_text("NEW b")


def time_set_back(file: Path) -> None:
    before = file.stat()
    file.write_text("NEW b")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def touched(file: Path) -> None:
    os.utime(file)


def linked(file: Path) -> None:
    """To another of the same size."""
    (other := file.with_suffix(".other")).write_text("NEW b")
    file.unlink()
    file.symlink_to(other)


def test_what_has_not_changed_is_not_read_again(files: Files) -> None:
    assert files.read() == ["old a", "old b", "old c"]
    assert files.asked == []


@pytest.mark.parametrize("change", [replaced, same_size, time_set_back, touched, linked])
def test_what_may_have_changed_is(change: Callable[[Path], None], files: Files) -> None:
    change(files.files[1])
    expected = files.files[1].read_text()
    assert files.read() == ["old a", expected, "old c"]
    assert files.asked == ["b"]


def test_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may change again within the grain of its file system's clock, and look the same."""
    fresh = Files(tmp_path)
    fresh.read()
    before = fresh.files[0].stat()
    assert fresh.read() == ["old a", "old b", "old c"]
    assert fresh.asked == ["a", "b", "c"]
    later(monkeypatch, 1.5)  # FAT counts in steps of two seconds
    fresh.read()
    assert fresh.asked == ["a", "b", "c"]
    later(monkeypatch, 2)
    fresh.read()
    fresh.read()
    assert fresh.asked == []
    assert fresh.files[0].stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    later(monkeypatch, 3600)

    def content(file: Path) -> str:
        found = file.read_text()
        file.write_text("two")
        return found

    assert per_file(content, [file], "changing", "files read") == ["one"]
    assert per_file(Path.read_text, [file], "changing", "files read") == ["two"]


def test_one_file_more_is_the_only_one_read(files: Files, tmp_path: Path) -> None:
    files.files.append(tmp_path / "d")
    files.files[-1].write_text("new d")
    assert files.read() == ["old a", "old b", "old c", "new d"]
    assert files.asked == ["d"]
    files.files.pop(0)
    files.read()
    assert files.asked == []


def half(memory: Path) -> None:
    memory.write_bytes(memory.read_bytes()[:100])


def flipped(memory: Path) -> None:
    memory.write_bytes(memory.read_bytes().replace(b"old a", b"old x"))


def misshapen(memory: Path) -> None:
    memory.write_bytes(b'{"format": 1, "files": {"a": 5}}')


def another_format(memory: Path) -> None:
    memory.write_bytes(b'{"format": 99, "files": {}}')


def folder(memory: Path) -> None:
    memory.unlink()
    memory.mkdir()


def gone(memory: Path) -> None:
    memory.unlink()
    memory.parent.rmdir()
    memory.parent.write_text("a file where the folder was")


@pytest.mark.parametrize("damage", [half, flipped, misshapen, another_format, folder, gone])
def test_a_damaged_memory_costs_time_alone(damage: Callable[[Path], None], files: Files, cache: Path) -> None:
    [memory] = cache.rglob("*.json")
    damage(memory)
    for _ in range(2):
        assert files.read() == ["old a", "old b", "old c"]
    assert files.asked == ([] if damage in (half, flipped, misshapen, another_format) else ["a", "b", "c"])


UNWRITABLE = """\
import sys, time
from pathlib import Path
from harness import per_file
now = time.time_ns
time.time_ns = lambda: now() + 10**13
for _ in range(2):
    print(per_file(Path.read_text, [Path(sys.argv[1])], "contents", "files read"))
"""


def test_a_memory_that_cannot_be_written_costs_time_alone(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a").write_text("old a")
    cache.mkdir(mode=0o500)
    command = [sys.executable, "-c", UNWRITABLE, tmp_path / "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=no_privilege)
    assert (done.stdout, done.stderr) == ("['old a']\n" * 2, "")
    assert not list(cache.iterdir())
