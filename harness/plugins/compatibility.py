"""The version of the contract between harness and plugins: the hooks, the events, and the public API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

CORE = "rep-harness"

CONTRACT = 2
"""Version of the contract. It is raised only when plugins that follow the previous one would no longer work.

The distribution of a plugin states its contract as an extra of its requirement,
``dependencies = ["rep-harness[contract-2]"]``, so that it is known before any of its code runs. If it names several,
one of them must match. Every contract that is in use is an extra in our pyproject.toml.
"""

EXTRA = "contract-"
PORTING = "docs/porting.md of harness"  # for authors of plugins


def unmet(requirements: Sequence[str] | None) -> str:
    """What a plugin's distribution requires of ours and does not get: another version or contract. "" if nothing.

    An installer checks the version, but not if the plugin or harness was put in place by other means.
    """
    pattern = r"rep[-_.]+harness\s*[\[(<>=!~]"  # those that say more than the name
    ours = [each for each in requirements or () if re.match(pattern, each, re.IGNORECASE)]
    return unfit(ours) if ours else ""


def unfit(ours: Sequence[str]) -> str:
    """What of these requirements is not met."""
    from packaging.requirements import InvalidRequirement, Requirement  # most plugins take any version

    wanted: list[str] = []
    contracts: set[str] = set()
    for text in ours:
        try:
            each = Requirement(text)
        except InvalidRequirement:
            return f"'{text}', which is no requirement"
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        if not each.specifier.contains(version(CORE), prereleases=True):
            wanted.append(f"{each}, but this is {CORE} {version(CORE)}")
        contracts |= stated(each)
    if contracts and str(CONTRACT) not in contracts:
        advice = f"; {PORTING} says what to change" if all(map(_is_older, contracts)) else ""
        wanted.append(f"contract {' or '.join(sorted(contracts))}, but this is contract {CONTRACT}{advice}")
    return " and ".join(wanted)


def _is_older(contract: str) -> bool:
    return contract.isdecimal() and int(contract) < CONTRACT


def stated(requirement: Requirement) -> set[str]:
    """The contracts that a requirement names as extras, however they are spelt."""
    from packaging.utils import canonicalize_name

    extras = map(canonicalize_name, requirement.extras)
    return {extra.removeprefix(EXTRA) for extra in extras if extra.startswith(EXTRA)}
