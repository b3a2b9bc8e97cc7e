"""Results and checkpoints that somebody or something has changed."""

from __future__ import annotations

from tests.faults.making import (
    MORE,
    RUN,
    Exploit,
    another_score,
    another_type,
    cut,
    half,
    interrupted,
    trained,
)
from tests.faults.meeting import Fault

RESULTS = (
    Fault(
        "a truncated checkpoint",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: (interrupted(cell, {"step": 1}), half(cell / "checkpoint.pt"))),
        RUN,
        0,
    ),
    Fault(
        "a checkpoint of another network",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: interrupted(cell, {"step": 1, "seconds": 1.0, "method": {}, "optimizer": {}})),
        RUN,
        0,
    ),
    Fault(
        "a checkpoint that is a hostile pickle",
        "set aside as checkpoint.pt.damaged-1",
        trained(lambda cell: interrupted(cell, {"step": Exploit()})),
        RUN,
        0,
    ),
    Fault(
        "a truncated model",
        "set aside as model.safetensors.damaged-1",
        trained(lambda cell: half(cell / "model.safetensors"), MORE),
        RUN,
        0,
    ),
    Fault(
        "a record cut short",
        "set aside as",
        trained(lambda cell: cut(next(cell.glob("evaluations/*.json")))),
        RUN,
        0,
    ),
    Fault(
        "another score in a record",
        "does not fit its checksum",
        trained(lambda cell: another_score(next(cell.glob("evaluations/*.json")))),
        ("leaderboard", "results"),
        0,
    ),
    Fault(
        "a record whose parts are of another type",
        "is damaged (in 'metrics' in 'accuracy' its 'value' is of another type)",
        trained(lambda cell: another_type(next(cell.glob("evaluations/*.json")))),
        ("leaderboard", "results"),
        0,
    ),
    Fault("a folder without results", "holds no results", lambda _: None, ("leaderboard", "nowhere")),
)
