"""Options: every value of the right type is taken as it is, every other is refused with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import UsageError, option
from harness.plugins.options import as_plain, identity_of, parse, type_name


@dataclass(frozen=True)
class Inner:
    share: tuple[float, float] | None = option(None, "two numbers")


@dataclass(frozen=True)
class Config:
    number: int = option(3, "a whole number")
    rate: float = option(0.5, "a number")
    on: bool = option(False, "a switch")
    text: str = option("a", "some text")
    choice: Literal["left", "right"] = option("left", "a side")
    sizes: tuple[int, ...] = option((1,), "numbers")
    folder: Path | None = option(None, "a place", identity=False)
    inner: Inner = option(Inner(), "more")

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("number must not be negative")


@dataclass(frozen=True)
class Required:
    path: Path = option(help="where it is")


def read(values: Any) -> Config:
    return parse(Config, values, lambda path: "suite.yaml:" + ".".join(map(str, path)), owner="thing")


valid = st.fixed_dictionaries(
    {},
    optional={
        "number": st.integers(0, 10**6),
        "rate": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
        "on": st.booleans(),
        "text": st.text(),
        "choice": st.sampled_from(["left", "right"]),
        "sizes": st.lists(st.integers()),
        "inner": st.fixed_dictionaries(
            {}, optional={"share": st.none() | st.lists(st.floats(0, 1), min_size=2, max_size=2)}
        ),
    },
)


@given(valid)
def test_valid_values_come_back(values: dict[str, Any]) -> None:
    plain = as_plain(read(values))
    assert all(plain[key] == value for key, value in values.items() if key != "inner")
    assert parse(Config, plain, lambda _: "") == read(values)  # what is saved can be read again


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.dictionaries(
        st.sampled_from([*Config.__dataclass_fields__, "nonsense"]), scalars | st.lists(scalars, max_size=3)
    )
)
def test_any_values_are_read_or_refused_with_their_place(values: dict[str, Any]) -> None:
    config = refused = None
    try:
        config = read(values)
    except UsageError as error:
        refused = str(error)
    if config is None:
        assert refused is not None
        assert refused.startswith("suite.yaml:")
        return
    assert type(config.number) is int
    assert type(config.rate) is float
    assert type(config.on) is bool
    assert type(config.text) is str


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nmber": 1}, "suite.yaml:nmber: thing has no option 'nmber'. Did you mean 'number'?"),
        ({"number": 1.5}, "suite.yaml:number: thing.number must be int, not 1.5."),
        ({"number": True}, "suite.yaml:number: thing.number must be int, not True."),
        ({"number": -1}, "suite.yaml:: thing: number must not be negative"),
        ({"rate": "fast"}, "suite.yaml:rate: thing.rate must be float, not 'fast'."),
        ({"rate": float("inf")}, "suite.yaml:rate: thing.rate must be float, not inf."),
        ({"text": 5}, "suite.yaml:text: thing.text must be str, not 5 (quote it)."),
        ({"choice": "lft"}, "suite.yaml:choice: thing.choice is 'lft'. Did you mean 'left'?"),
        ({"sizes": 4}, "suite.yaml:sizes: thing.sizes must be list of int, not 4."),
        ({"sizes": [1, "x"]}, "suite.yaml:sizes.1: thing.sizes[1] must be int, not 'x'."),
        ({"inner": {"share": [1]}}, "suite.yaml:inner.share: thing.inner.share must have 2 values, not 1."),
        ([1], "suite.yaml:: thing takes options as 'name: value', not [1]."),
    ],
)
def test_messages(values: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(values)
    assert str(caught.value) == message


def test_a_required_option_says_what_it_is_for() -> None:
    with pytest.raises(UsageError, match=r"thing needs 'path' \(where it is\)"):
        parse(Required, {}, lambda _: "suite.yaml:3", owner="thing")


def test_paths_stay_out_of_identities() -> None:
    assert "folder" not in identity_of(read({"folder": "/somewhere"}))
    assert as_plain(read({"folder": "/somewhere"}))["folder"] == "/somewhere"


def test_type_names() -> None:
    names = [type_name(kind) for kind in (int, float | None, Literal["a", "b"], tuple[int, ...], Path, Inner)]
    assert names == ["int", "float | none", "a | b", "list of int", "path", "options"]
