"""`harness doctor` finds what is really wrong, says what to do, and is silent where nothing is."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
import torch

from harness.cli.doctor import data, devices, environment
from harness.cli.doctor.plugins import components
from harness.plugins.manager import Plugins, bundled
from harness.plugins.registry import Registry
from tests.conftest import Harness, install
from tests.faults.making import no_privilege, without


def test_nothing_is_wrong_here_and_lines_are_short(harness: Harness, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "deeper"  # is made when it is needed, not by looking
    slow = "rep-harness-timm,rep-harness-maml,rep-harness-protonet"  # to import
    env = {"HARNESS_CACHE": str(cache), "HARNESS_NO_PLUGINS": slow, "PYTHONDONTWRITEBYTECODE": ""}
    said = harness("doctor", env=env).stdout
    assert said.endswith("\nNothing is wrong.\n")
    assert max(map(len, said.splitlines())) <= 80
    for area in ("environment", "devices", "plugins", "data", "storage"):
        assert f"\n{area}" in f"\n{said}"
    for found in (torch.__version__.partition("+")[0], "all are met", "maml, protonet, timm", "simclr", "deeper"):
        assert found in said
    assert not cache.parent.exists()
    assert not list(tmp_path.iterdir())


def test_broken_plugins_and_a_cache_that_is_a_file_are_found(harness: Harness, tmp_path: Path) -> None:
    register = "from harness import hookimpl\n@hookimpl\ndef register_methods(register): register"
    install(tmp_path, "raises", "raise RuntimeError('bad day')")
    install(tmp_path, "gone", f"{register}('gone', 'nowhere:Gone')")
    install(tmp_path, "same", f"{register}('idle', 'harness_toy.parts:Idle')")
    install(tmp_path, "needy", register, needs="numpy<1,>=0.5")
    install(tmp_path, "leaves", f"{register}('leaves', 'leaving:Gone')")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(0)")
    install(tmp_path, "future", "", needs="rep-harness[contract-99]")
    (tmp_path / "cache").touch()
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]),
        "HARNESS_CACHE": str(tmp_path / "cache" / "data"),
        "HARNESS_NO_PLUGINS": ",".join(sorted(bundled() & {each.name for each in distributions()})),
        "OMP_NUM_THREADS": "512",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    report = json.loads(harness("doctor", "--json", env=env, code=1).stdout)
    wrong = {(each["what"], each["found"]): each["advice"] for each in report["findings"] if each["advice"]}
    assert report["wrong"] == len(wrong)

    def advice(what: str, found: str) -> str:
        [given] = [text for (name, seen), text in wrong.items() if name == what and found in seen]
        return str(given)

    assert "pip install -U plugin-raises" in advice("raises", "cannot be imported: RuntimeError: bad day")
    assert "--no-plugins=gone" in advice("gone", "cannot be loaded: No module named 'nowhere'")
    assert "'plugin-same:idle'" in advice("same", "is registered by")
    assert "'harness-toy:idle'" in advice("toy", "is registered by")
    assert "--no-plugins=leaves" in advice("leaves", "cannot be loaded: SystemExit: 0")
    assert "pip install 'numpy<1,>=0.5'" in advice("requirements", "is installed (plugin-needy needs it)")
    assert advice("future", "needs contract 99") == "pip install -U rep-harness plugin-future"
    assert f"{tmp_path}/cache is a file" in advice("cache", "data")
    assert "Unset OMP_NUM_THREADS" in advice("cores", "OMP_NUM_THREADS=512")
    assert advice("optimizers", "none").startswith("Without one, no suite can run")
    assert len(wrong) == 10


FEW = {
    "HARNESS_NO_PLUGINS": ",".join(sorted(bundled() & {each.name for each in distributions()}))
}  # are fast to import


def storage(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    findings = json.loads(done.stdout)["findings"]
    return {each["what"]: (each["found"], each["advice"]) for each in findings if each["area"] == "storage"}


def test_a_file_system_that_lacks_what_a_run_needs_is_found(harness: Harness, tmp_path: Path) -> None:
    """The system itself refuses the calls."""
    results, env = tmp_path / "there" / "not yet", {**FEW, "HARNESS_CACHE": str(tmp_path / "cache"), "TMPDIR": "/tmp"}
    arguments = ("doctor", "--json", "--results", results)
    found = storage(harness(*arguments, env=env, code=1, before=without("flock", "link", "bind")))
    lacks = "no locks (Function not implemented)"
    assert found["results"][0] == f"{tmp_path} has {lacks} and no hard links (Function not implemented)"
    assert "Start no two runs at once" in found["results"][1]
    assert "--results FOLDER" in found["results"][1]
    assert found["cache"][0] == f"{tmp_path} has {lacks}"
    assert "set HARNESS_CACHE to a folder elsewhere" in found["cache"][1]
    assert found["temporary files"][0] == "/tmp has no sockets (Function not implemented)"
    assert "Set TMPDIR to a folder on a disk of this machine" in found["temporary files"][1]
    assert not list(tmp_path.iterdir())

    results.mkdir(parents=True)
    results.chmod(0o500)

    def few() -> None:
        no_privilege()
        without("link", number=errno.EPERM)()

    found = storage(harness(*arguments, env=env, code=1, before=few))
    assert found["results"][0] == f"{results}: Permission denied"
    assert "Work in a folder that you may write to" in found["results"][1]
    assert found["cache"] == (f"{tmp_path} has locks", "")
    assert found["temporary files"] == ("/tmp has sockets", "")


def test_a_kind_without_a_component_is_found() -> None:
    found = components(Registry(Plugins()), "executor")
    assert (found.what, found.found) == ("executors", "none")
    assert 'pip install "rep-harness[all]"' in found.advice


def test_a_cache_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "glyphs").mkdir(parents=True)
    (cache / "glyphs" / "a.npz").write_bytes(bytes(3_000_000))
    code = "from harness.cli.doctor import data; [print(each.what, each.found, each.advice) for each in data.look()]"
    for mode, expected in ((0o700, ""), (0o500, f"you may write to; {cache}: Permission denied.")):
        cache.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "HARNESS_CACHE": str(cache)},
            preexec_fn=no_privilege,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[0].endswith(expected)
        assert ("HARNESS_CACHE" in done.stdout) == bool(expected)
        assert "glyphs 3.0 MB in 1 file" in done.stdout


def test_a_device_is_wrong_if_it_cannot_compute() -> None:
    assert devices.used(torch.device("cpu"), "cpu", "cores").advice == ""
    broken = devices.used(torch.device("meta"), "meta", "holds no numbers")  # as a driver that fails
    assert "holds no numbers; cannot be used: " in broken.found
    assert "--device cpu" in broken.advice


@pytest.mark.parametrize(
    ("present", "built", "hidden", "advice"),
    [
        (False, True, None, ""),
        (True, True, "", ""),
        (True, True, "0", "nvidia-smi"),  # as a scheduler sets it
        (True, False, None, "pytorch.org"),
        (True, True, None, "nvidia-smi"),
    ],
)
def test_a_gpu_that_torch_does_not_see(present: bool, built: bool, hidden: str | None, advice: str) -> None:
    given = devices.no_cuda(present=present, built=built, hidden=hidden).advice
    assert advice in given
    assert bool(advice) == bool(given)


def test_byte_code_that_is_neither_written_nor_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "site" / "torch" / "__init__.py"
    source.parent.mkdir(parents=True)
    source.write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert environment.byte_code(source).advice == ""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert environment.byte_code(source).advice.endswith(f"compileall -q {tmp_path}/site")
    subprocess.run([sys.executable, "-m", "compileall", "-q", tmp_path / "site"], check=True)  # as it says
    assert environment.byte_code(source).advice == ""


def test_limits() -> None:
    assert environment.python("3.10.1", ">=3.11,<3.14").advice == "Use a Python that is >=3.11,<3.14."
    assert environment.python("3.13.0rc1", ">=3.11,<3.14").advice == ""
    assert "ulimit" in environment.open_files(128).advice
    assert environment.open_files(resource.RLIM_INFINITY).advice == ""
    assert "make room" in data.room(0.4).advice
    assert data.room(data.ROOM).advice == ""
