"""The options of a leaderboard: which rows compete, which metrics are shown, and how much beside them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from harness.base.errors import UsageError, nearest

By = Literal["method", "backbone"]


@dataclass(frozen=True)
class View:
    """by: what a table's rows are. metrics: names of columns, of evaluators or of metrics; none for all.
    pivot: a table per metric with a column per data set, instead of a table per data set with a column per metric.
    brief: the tables of scores alone. costs: the tables of costs where they are left out, briefly or on a terminal."""

    by: By = "method"
    metrics: tuple[str, ...] = ()
    pivot: bool = False
    brief: bool = False
    costs: bool = False


def parse(words: Sequence[str], where: str) -> tuple[str, View]:
    """A folder and the options as `harness leaderboard` takes them. Raises UsageError that begins with `where`."""

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(f"{where}: {message}.")

    parser = Parser(add_help=False, allow_abbrev=False, usage="")
    parser.add_argument("folder")
    parser.add_argument("--by", choices=get_args(By), default="method")
    parser.add_argument("--metric", action="append", default=[])
    for switch in ("--pivot", "--brief", "--costs"):
        parser.add_argument(switch, action="store_true")
    found = parser.parse_args(list(words))
    return found.folder, View(found.by, tuple(found.metric), found.pivot, found.brief, found.costs)


def matches(names: Iterable[str], asked: Sequence[str]) -> bool:
    """Whether one of a column's names is asked for."""
    return not asked or bool({name.lower() for name in names} & {name.lower() for name in asked})


def check(asked: Sequence[str], known: Iterable[str]) -> None:
    """Raises UsageError for a metric that no table has."""
    names = set(known)
    for name in asked:
        if name.lower() not in {each.lower() for each in names}:
            raise UsageError(f"--metric {name}: no record has this metric.{nearest(name, names)}")
