"""Profiles some steps of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import device, profiler

from harness.base.wording import quantity

WARMUP, STEPS = 5, 10


@contextmanager
def profile_steps(folder: Path | None, where: device) -> Iterator[Callable[[], None]]:
    """Gives what to call after every step. Of the steps that this process trains, the 6th to the 15th are profiled:
    `operators.txt` and `trace.json` in `folder`.

    The trace opens in chrome://tracing or ui.perfetto.dev. Without a folder nothing is profiled.
    """
    if folder is None:
        yield lambda: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    taken = 0

    def write(profile: profiler.profile) -> None:
        order = "self_device_time_total" if where.type == "cuda" else "self_cpu_time_total"
        table = profile.key_averages().table(order, row_limit=50)
        (folder / "operators.txt").write_text(
            f"training steps: {min(taken - WARMUP, STEPS)}\n{table}\n", encoding="utf-8"
        )
        profile.export_chrome_trace(str(folder / "trace.json"))

    def stepped() -> None:
        nonlocal taken
        taken += 1
        running.step()

    activities = [profiler.ProfilerActivity.CPU]
    if where.type == "cuda":
        activities.append(profiler.ProfilerActivity.CUDA)
    schedule = profiler.schedule(wait=1, warmup=WARMUP - 1, active=STEPS, repeat=1)
    with profiler.profile(
        activities=activities, schedule=schedule, on_trace_ready=write, record_shapes=True
    ) as running:
        yield stepped
    if taken <= WARMUP:
        reason = f"{quantity(taken, 'step is', 'steps are')} too few for a profile, which begins after {WARMUP}.\n"
        (folder / "operators.txt").write_text(reason, encoding="utf-8")
