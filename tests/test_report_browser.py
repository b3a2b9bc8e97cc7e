"""The report in Chromium, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.reporting.page import render
from tests.browser import CHROMIUM, Browser
from tests.records import HOSTILE, component, record
from tests.test_report import FAILED, beside, small

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

TABLE = "document.querySelector('.board[data-title^=glyphs] table.sortable')"
COLUMN = f"[...{TABLE}.tBodies[0].rows].map(r => r.cells[{{}}].textContent)"
HEADER = f"{TABLE}.querySelectorAll('th button')[{{}}]"
ROWS = "[...document.querySelectorAll('table.sortable tbody tr')].filter(r => r.offsetParent)"
SHOWN = f"{ROWS}.map(r => r.cells[0].textContent)"
COLOUR = "getComputedStyle(document.querySelector('{}')).{}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    on_other_data = [record(component("m", HOSTILE), 0, {"knn": 0.5}, dataset=component("d", HOSTILE))]
    records = [*small(), record("maml", 0, training=False, failure=FAILED), *on_other_data]
    (folder / "report.html").write_text(render(records, beside(folder, records)), encoding="utf-8")
    return folder / "report.html"


def test_it_asks_for_nothing_and_raises_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.requests == [page.as_uri()]
    assert browser.errors == []
    assert browser.value("document.querySelectorAll('figure svg path').length") > 50


def test_a_click_sorts_and_another_turns_it_round(browser: Browser, page: Path) -> None:
    browser.open(page)
    scores = browser.value(COLUMN.format(1))
    assert len(scores) == 4
    browser.click(HEADER.format(1))  # a score: the best first, what is missing last
    descending = browser.value(COLUMN.format(1))
    assert descending == [*sorted(scores[:3], key=lambda text: -float(text.split()[0])), "–"]
    assert browser.value(f"{HEADER.format(1)}.parentNode.getAttribute('aria-sort')") == "descending"
    browser.click(HEADER.format(1))
    assert browser.value(COLUMN.format(1)) == [*descending[2::-1], "–"]
    browser.click(HEADER.format(0))
    assert browser.value(COLUMN.format(0)) == ["maml", "moco", "protonet", "simclr"]
    assert browser.value("document.querySelectorAll('th[aria-sort]').length") == 1


def test_what_is_typed_filters(browser: Browser, page: Path) -> None:
    browser.open(page)
    every = browser.value(SHOWN)
    assert len(every) == 5
    browser.click("document.getElementById('filter')")
    browser.type("GLYPHS proto")
    assert browser.value(SHOWN) == ["protonet"]
    assert browser.value("document.getElementById('shown').textContent") == "1 of 5 rows"
    assert browser.value("[...document.querySelectorAll('.board')].filter(b => b.offsetParent).length") == 1
    browser.value("document.getElementById('filter').select()")
    browser.type("a")
    assert len(browser.value(SHOWN)) > 1


def test_it_fits_a_phone(browser: Browser, page: Path) -> None:
    browser.open(page, width=390, height=844)
    assert browser.value("document.documentElement.scrollWidth") == 390
    widths = browser.value("[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().width)")
    assert min(widths) > 300


def test_dark_and_light_are_as_the_system_says(browser: Browser, page: Path) -> None:
    seen = {}
    for dark in (False, True):
        browser.open(page, dark=dark)
        text = "figure svg text"
        seen[dark] = (
            browser.value(COLOUR.format("body", "backgroundColor")),
            browser.value(COLOUR.format(text, "fill")),
        )
    assert seen[False][0] == "rgb(255, 255, 255)"
    assert seen[True][0] == "rgb(22, 24, 28)"
    assert seen[False][1] != seen[True][1]


def test_print_shows_what_is_folded_away(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page, dark=True)
    assert browser.value("document.querySelectorAll('details[open]').length") == 0
    browser.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert browser.value("[...document.querySelectorAll('details')].every(d => d.open)")
    browser.call(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert browser.value(COLOUR.format("body", "backgroundColor")) == "rgb(255, 255, 255)"
