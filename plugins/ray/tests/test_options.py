"""Options and devices, without a cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness import UsageError
from harness.plugins.options import parse
from harness.plugins.registry import registry

pytest.importorskip("harness_ray", reason="uv sync --extra ray")
from harness_ray import RayConfig

PLUGIN = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "ray://head:10001"}, "address is auto or HOST:PORT"),
        ({"cpus": 0}, "cpus must be at least 1"),
        ({"gpus": 1.5}, "gpus must be below 1 or whole"),
        ({"gpus": -1.0}, "gpus must be below 1 or whole"),
        ({"memory_gb": 0.0}, "memory_gb must be more than 0"),
        ({"retries": -1}, "retries must be at least 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RayConfig(**options)  # type: ignore[arg-type]  # as a suite would give them


def test_a_device_is_ours_to_choose_and_the_gpu_is_rays() -> None:
    pytest.importorskip("ray")
    from harness_ray.executor import gpus_of_a_device

    assert gpus_of_a_device(RayConfig(), "auto", there_are=False) == 0
    assert gpus_of_a_device(RayConfig(), "auto", there_are=True) == 1
    assert gpus_of_a_device(RayConfig(gpus=0.25), "cuda", there_are=True) == 0.25
    assert gpus_of_a_device(RayConfig(gpus=0.25), "cpu", there_are=True) == 0
    with pytest.raises(UsageError, match="--device cuda: the Ray cluster has no GPU"):
        gpus_of_a_device(RayConfig(), "cuda", there_are=False)
    with pytest.raises(UsageError, match="--device cuda: the executor's option gpus is 0"):
        gpus_of_a_device(RayConfig(gpus=0), "cuda", there_are=True)
    with pytest.raises(UsageError, match="Ray chooses the GPU"):
        gpus_of_a_device(RayConfig(), "cuda:1", there_are=True)


def test_the_readmes_suite_is_valid() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", (PLUGIN / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    options = yaml.safe_load(block)["executor"]
    spec = registry().get("executor", options.pop("use"))
    config = parse(spec.config, options, lambda _: "README.md")
    assert config == RayConfig(address="auto", gpus=0.25, cpus=2, memory_gb=8.0)


def test_an_address_where_nobody_answers_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    axes = "matrix: {method: [untrained], backbone: [conv4], dataset: [digits], seed: [0]}"
    text = f"name: small\n{axes}\nbudget: {{steps: 1}}\nevaluators: {{knn: {{}}}}\n"
    (tmp_path / "suite.yaml").write_text(text + "executor: {use: ray, address: '127.0.0.1:1'}\n")
    command = [sys.executable, "-m", "harness", "run", "suite.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("harness: the Ray cluster at '127.0.0.1:1' cannot be used: ")
    assert line.endswith("Connection refused")


def test_registration_loads_neither_ray_nor_torch() -> None:
    code = "import sys, harness_ray; print({'ray', 'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PLUGIN, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
