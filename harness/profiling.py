"""A profile of some training steps, for whoever wants to know where a cell's time goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import profiler

WARMUP, STEPS = 5, 10


@contextmanager
def profiled(folder: Path | None) -> Iterator[Callable[[], None]]:
    """Gives what to call after every step. Steps 6 to 15 are profiled: `operators.txt` and `trace.json` in `folder`.

    The trace opens in chrome://tracing or ui.perfetto.dev. Without a folder nothing is profiled.
    """
    if folder is None:
        yield lambda: None
        return

    def write(profile: profiler.profile) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        on_gpu = profiler.ProfilerActivity.CUDA in profile.activities
        table = profile.key_averages().table(
            "self_device_time_total" if on_gpu else "self_cpu_time_total", row_limit=50
        )
        (folder / "operators.txt").write_text(f"{STEPS} training steps\n{table}\n", encoding="utf-8")
        profile.export_chrome_trace(str(folder / "trace.json"))

    schedule = profiler.schedule(wait=1, warmup=WARMUP - 1, active=STEPS, repeat=1)
    with profiler.profile(schedule=schedule, on_trace_ready=write, record_shapes=True) as running:
        yield running.step
