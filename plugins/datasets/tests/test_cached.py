"""The cache of decoded arrays: damaged files are made again, and a file system without locks will do."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness_datasets.arrays import Arrays, cached

from harness import UsageWarning

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)


class Build:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Arrays]:
        self.times += 1
        return {"train": Arrays(IMAGES, np.arange(20) % 2, ("a", "b"))}


def flipped(content: bytes) -> bytes:
    place = content.index(IMAGES[3].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], flipped, lambda _: b"", lambda _: b"no archive at all"]
)
def test_a_damaged_file_is_set_aside_and_made_again(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    build, path = Build(), tmp_path / "arrays.npz"
    cached(path, build)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(
        UsageWarning, match=r"arrays\.npz is damaged .*: set aside as arrays\.npz\.damaged, and made again"
    ):
        found = cached(path, build)
    assert np.array_equal(found["train"].images, IMAGES)
    assert build.times == 2
    cached(path, build)
    assert build.times == 2


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_without_locks_it_is_built_all_the_same(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert np.array_equal(cached(tmp_path / "arrays.npz", Build())["train"].images, IMAGES)
