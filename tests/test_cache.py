"""Where data sets keep what they build, for users with a home and without."""

from __future__ import annotations

import pwd
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from harness import UsageError
from harness.base.cache import cache_folder, cache_root


def nobody(*_: object) -> NoReturn:
    raise KeyError("getpwuid(): uid not found: 12345")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As in a container that runs under a number which has no name; the temporary folder."""
    for name in ("HOME", "HARNESS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_user_without_a_home_has_a_cache_of_their_own(homeless: Path) -> None:
    root = cache_root()
    assert root.parent == homeless
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert cache_folder("glyphs") == root / "glyphs"
    assert cache_root() == root


def test_a_folder_that_somebody_else_may_have_put_there_is_refused(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = cache_root()
    root.rmdir()
    (homeless / "elsewhere").mkdir()
    root.symlink_to(homeless / "elsewhere")
    with pytest.raises(UsageError, match="belongs to another user, and you have no home folder: set HARNESS_CACHE"):
        cache_root()
    monkeypatch.setenv("HARNESS_CACHE", "/given")
    assert cache_root() == Path("/given")


def test_with_a_home_it_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root().is_relative_to(tmp_path)
