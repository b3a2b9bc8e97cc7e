"""Makes a plugin that is a single file known to the conformance checks."""

from __future__ import annotations

from pathlib import Path

from harness.plugins import local_files
from harness.plugins.manager import installed_plugins
from harness.plugins.registry import registry


def load_plugin(file: Path | str) -> None:
    """Make a plugin that is a single file known to the checks, as `--plugin FILE` does for commands.

    Call it before the first check of what the file registers. The processes that checks start know the file as well.

    Args:
        file: The file, such as `Path(__file__).with_name("align.py")`. A relative path is looked for in the current
            folder.

    Raises:
        UsageError: There is no such file, or its name cannot be that of a new module.
    """
    local_files.use([*map(Path, local_files.given()), Path(file)], by="load_plugin ")
    installed_plugins.cache_clear()
    registry.cache_clear()
