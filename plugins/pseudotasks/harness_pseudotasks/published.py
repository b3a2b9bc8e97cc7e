"""Published results of unsupervised meta-learning on Omniglot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness import Published


def _omniglot(
    source: str, values: Mapping[int, float], protocol: Mapping[str, Any], note: str
) -> tuple[Published, ...]:
    """5-way accuracies by the number of shots."""
    setting = {"dataset": "omniglot", "dataset.split": "vinyals", "evaluator": "fewshot", "evaluator.ways": 5}
    return tuple(
        Published({**setting, "evaluator.shots": shots}, value, source, protocol=dict(protocol), note=note)
        for shots, value in values.items()
    )


PROTOCLR = _omniglot(
    "Medina et al. 2020, arXiv:2006.11325",
    {1: 0.8800, 5: 0.9648},
    {"backbone": "conv4", "method.queries": 3, "budget.batch_size": 50, "budget.lr": 0.001},
    "there trained on the validation classes as well, and fine-tuned on each support set (ProtoTransfer)",
)
UMTRA = _omniglot(
    "Khodadadeh et al. 2019, arXiv:1811.11819",
    {1: 0.8380, 5: 0.9543},
    {"method.queries": 1, "method.shots": 1},
    "",
)
PSCO = _omniglot(
    "Jang et al. 2023, arXiv:2303.00996",
    {1: 0.9637, 5: 0.9913},
    {
        "backbone": "conv4",
        "method.shots": 1,
        "method.queue_size": 16384,
        "budget.batch_size": 256,
        "budget.epochs": 400,
        "budget.lr": 0.03,
    },
    "there queries pass projector and predictor, and support samples the momentum network",
)
