"""The command line of a job: what is written is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.running.job_command import CellCommand, JobCommand, PrepareCommand, read_job

PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(lambda name: Path("/", name))
NUMBERS = st.integers(1, 10**9)
LIMITS = st.floats(0, exclude_min=True)
PLACES = {"device": st.sampled_from(["auto", "cpu", "cuda", "cuda:3"]) | st.none(), "threads": NUMBERS | st.none()}
PREPARE = st.builds(PrepareCommand, plan=PATHS, found=PATHS | st.none(), **PLACES)
CELL = st.builds(
    CellCommand,
    plan=PATHS,
    id=st.text("0123456789abcdef", min_size=16, max_size=16),
    attempt=st.builds("{}/{:03}.json".format, PATHS, NUMBERS).map(Path),
    since=NUMBERS | st.none(),
    run=st.sampled_from(["", "a1b2.17.3049.0f0f0f0f"]),
    timeout=LIMITS | st.none(),
    memory=LIMITS | st.none(),
    checkpoint_every=st.sampled_from(["60s", "1.5h", "100steps", "5 min"]),
    profile=st.booleans(),
    **PLACES,
)


@given(PREPARE | CELL)
def test_what_is_written_is_read(command: JobCommand) -> None:
    assert read_job(command.to_args()) == command
    assert type(command).from_args(command.to_args()) == command


@given(PREPARE | CELL)
def test_what_an_executor_adds_counts(command: JobCommand) -> None:
    placed = read_job([*command.to_args(), "--device", "cuda", "--threads", "7"])
    assert (placed.device, placed.threads) == ("cuda", 7)
    assert placed.to_args() == (*placed.to_args()[:-4], "--device", "cuda", "--threads", "7")


@pytest.mark.parametrize("words", ["", "run", "prepare", "cell plan id", "cell plan id --attempt 1.json --since two"])
def test_other_words_are_no_job(words: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_job(words.split())


def test_a_job_that_prepares_is_not_taken_for_a_cell() -> None:
    with pytest.raises(SystemExit, match="2"):
        CellCommand.from_args(PrepareCommand(plan=Path("plan")).to_args())
