"""Jobs that wait for others, as `sbatch` is asked for them; no SLURM is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("harness_slurm.executor", reason="uv sync --extra slurm", exc_type=ImportError)

from harness_slurm import SlurmConfig
from harness_slurm.executor import Slurm

from harness.executor import Job, Resources

SBATCH = """#!/bin/sh
number=$(($(ls {folder}/sent | wc -l) + 1))
cp "$1" {folder}/sent/$number
echo "Submitted batch job $number"
"""


def test_an_array_waits_for_the_arrays_of_its_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "sent").mkdir()
    for name, text in (
        ("sbatch", SBATCH.format(folder=tmp_path)),
        ("srun", "#!/bin/sh"),
        ("squeue", "#!/bin/sh"),
        ("scancel", "#!/bin/sh"),
    ):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    resources = Resources("cpu", None, folder=tmp_path / "results")
    executor = Slurm(SlurmConfig(), resources)
    waits: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ("a",), "d": ("b",), "e": ("c",), "f": ("b",)}
    for name, after in waits.items():
        executor.submit(Job(name, ("cell", "plan", name), str(tmp_path / f"{name}.log"), after=after))
    executor.detach()
    scripts = [(tmp_path / "sent" / str(number)).read_text() for number in (1, 2, 3)]
    found = [re.findall(r"--(array|dependency)=(\S+)", script) for script in scripts]
    arrays = [dict(each).get("array", "").partition("%")[0] for each in found]
    assert arrays == ["0-1", "0-1", "0-1"]  # a b, c d, e f
    assert [dict(each).get("dependency") for each in found] == [None, "afterany:1", "afterany:1:2"]
    later = Slurm(SlurmConfig(), resources)
    assert {job.name: job.after for job in later.adopt(list(waits))} == waits
