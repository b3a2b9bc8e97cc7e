"""Published results of MAML, first-order MAML and ANIL. Each was trained for the setting that it is scored in."""

from __future__ import annotations

from typing import Any

from harness import Published

_MAML = "Finn et al. 2017, arXiv:1703.03400, table 1"
_FOMAML = "Nichol et al. 2018, arXiv:1803.02999, table 2"
_ANIL = "Raghu et al. 2019, arXiv:1909.09157"
_BERTINETTO = "Bertinetto et al. 2019, arXiv:1805.08136"
_RECIPES: dict[int, dict[str, Any]] = {  # by ways
    5: {"method.tasks": 32, "method.inner_lr": 0.4, "method.inner_steps": 1, "method.test_steps": 3},
    20: {"method.tasks": 16, "method.inner_lr": 0.1, "method.inner_steps": 5, "method.test_steps": 5},
}
_OMNIGLOT = {
    "backbone": "conv4",
    "backbone.variant": "stride",
    "dataset.rotations": True,
    "budget.steps": 60000,
    "budget.lr": 0.001,
    "budget.schedule": "constant",
}


def _setting(dataset: str, ways: int, shots: int, **options: bool) -> dict[str, Any]:
    trained = {"method.ways": ways, "method.shots": shots}
    scored = {"evaluator": "fewshot", "evaluator.ways": ways, "evaluator.shots": shots}
    return {"dataset": dataset, **trained, **scored} | {f"method.{key}": value for key, value in options.items()}


def _maml(ways: int, shots: int, value: float, half_width: float) -> Published:
    return Published(
        {**_setting("omniglot", ways, shots, first_order=False), "dataset.split": "vinyals"},
        value,
        _MAML,
        half_width,
        protocol={
            **_OMNIGLOT,
            **_RECIPES[ways],
            "method.queries": shots,
            "method.batch_norm": "transductive",
            "evaluator.queries": shots,
        },
        note="there 1,200 characters drawn at random to train on",
    )


def _fomaml(ways: int, shots: int, value: float, half_width: float) -> Published:
    return Published(
        {**_setting("omniglot", ways, shots, first_order=True), "dataset.split": "vinyals"},
        value,
        _FOMAML,
        half_width,
        protocol={"backbone": "conv4", "dataset.rotations": True, "method.batch_norm": "transductive"},
        note="there another split",
    )


def _anil(shots: int, value: float, half_width: float) -> Published:
    setting = {**_setting("omniglot", 20, shots), "dataset.split": "vinyals"}
    return Published(setting, value, _ANIL, half_width, protocol={"backbone": "conv4"}, note="there another split")


def _cifar_fs(shots: int, value: float, half_width: float) -> Published:
    setting = _setting("cifar_fs", 5, shots, first_order=False)
    return Published(setting, value, _BERTINETTO, half_width, protocol={"backbone": "conv4"})


PUBLISHED_MAML = (
    _maml(5, 1, 0.987, 0.004),
    _maml(5, 5, 0.999, 0.001),
    _maml(20, 1, 0.958, 0.003),
    _maml(20, 5, 0.989, 0.002),
    _fomaml(5, 1, 0.983, 0.005),
    _fomaml(5, 5, 0.992, 0.002),
    _fomaml(20, 1, 0.894, 0.005),
    _fomaml(20, 5, 0.979, 0.001),
    _cifar_fs(1, 0.589, 0.019),
    _cifar_fs(5, 0.715, 0.010),
)
PUBLISHED_ANIL = (_anil(1, 0.962, 0.005), _anil(5, 0.980, 0.003))
