"""Converts options to what a job requests from SLURM."""

from __future__ import annotations

from typing import Any

from harness import UsageError
from harness.executor import Resources
from harness_slurm import SlurmConfig

WARNING_SECONDS = 60  # before the time limit, at which a cell saves its state


def parameters(config: SlurmConfig, gpus: int) -> dict[str, Any]:
    """As submitit names them; without GPUs, none are mentioned."""
    asked = {
        "partition": config.partition,
        "account": config.account,
        "qos": config.qos,
        "constraint": config.constraint,
        "mem": None if config.memory_gb is None else f"{round(config.memory_gb * 1024)}M",
        "gpus_per_node": gpus or None,
    }
    return {
        **{name: value for name, value in asked.items() if value is not None},
        "nodes": 1,
        "cpus_per_task": config.cpus,
        "time": config.minutes,
        "stderr_to_stdout": True,
        "use_srun": False,
        "additional_parameters": {"signal": f"B:USR2@{WARNING_SECONDS}", "requeue": True},
    }


def gpus(config: SlurmConfig, resources: Resources) -> int:
    """How many GPUs each device of a cell is. Raises UsageError where what is asked for makes no sense."""
    device = resources.device
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device}: SLURM chooses the GPU; say --device cuda.")
    if device == "cuda" and config.gpus == 0:
        raise UsageError("--device cuda: the executor's option `gpus` is 0, so no cell has a GPU.")
    if device == "cpu":
        return 0
    return 1 if config.gpus is None else config.gpus
