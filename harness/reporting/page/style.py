"""The style of the figures, and the conversion of a matplotlib figure to inline SVG.

Colours are of Okabe and Ito (2008), which the colour-blind can tell apart; marker and dash say the same again. What is
drawn here has stand-in colours, which the page's style sheet sets for light, dark and print.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from harness.base.slugs import middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = tuple(f"#0505{number:02x}" for number in range(7))
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--paper"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES)
}
MARKERS = "osD^vPX*"
DASHES = ("-", "--", ":", "-.")
WIDTH = 380  # of a figure, in CSS pixels: it fits a phone
LEGEND, TICK = 28, 26  # letters of a name; see `harness.base.slugs.shorten`
MOST = 14  # rows of a table that figures show: the first ones
RC = {
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handlelength": 2.4,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold a dollar sign
    "text.usetex": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",  # the same figure has the same bytes
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}


@dataclass(frozen=True)
class Look:
    """How one row of a table is drawn, the same in all figures."""

    colour: str
    marker: str
    dash: str


@dataclass(frozen=True)
class Picture:
    """A figure of the page; the caption says what is drawn, and over how many."""

    svg: str
    caption: str


def look(number: int) -> Look:
    """No two of the first 56 rows look the same."""
    dash = DASHES[number // len(SERIES) % len(DASHES)]
    return Look(SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)], dash)


@contextmanager
def drawing(title: str, x: str, y: str, *, height: int = 260) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one pair of axes, in this module's style; `height` in CSS pixels."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(RC):  # type: ignore[arg-type]  # its stub wants literal names
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained")
        axes = figure.subplots()
        axes.set(title=middle(title, 52), xlabel=x, ylabel=y)
        yield figure, axes


def legend(figure: Figure, axes: Axes) -> None:
    """Below the axes, two columns; the figure grows by its lines."""
    handles, labels = axes.get_legend_handles_labels()
    lines = -(-len(handles) // 2)
    figure.set_figheight(figure.get_figheight() + lines * 15 / 72)
    figure.legend(handles, labels, loc="outside lower left", ncols=2, borderpad=0, columnspacing=1.2)


def as_svg(figure: Figure, about: str, number: int) -> str:
    """Inline SVG that a reader program calls by what it is `about`; ids begin with the figure's number on its page."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # who shows the page has its own
        FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)  # savefig draws all twice to find the layout
    root = ElementTree.fromstring(buffer.getvalue())
    _plain(root, f"f{number}-")
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib |= {"viewBox": box, "role": "img", "aria-label": about}
    return ElementTree.tostring(root, encoding="unicode")


def _plain(root: ElementTree.Element, prefix: str) -> None:
    """Without namespaces, metadata, style sheets and ids that nothing refers to; places to a tenth of a pixel."""
    for parent in root.iter():
        parent.tag = parent.tag.rpartition("}")[2]
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    text = " ".join(value for each in root.iter() for key, value in each.attrib.items() if not key.endswith("id"))
    wanted = set(re.findall(r"#([\w-]+)", text))
    for each in root.iter():
        attributes = {key.rpartition("}")[2]: value for key, value in each.attrib.items()}
        each.attrib.clear()
        each.tail = None if each.tag != "tspan" else each.tail
        each.text = each.text if each.tag in ("text", "tspan") else None
        for key, value in attributes.items():
            if key != "id" or value in wanted:
                each.set(key, _attribute(key, value, prefix))


def _attribute(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        return value.replace("#", f"#{prefix}")
    if key == "clip-path":
        return value.replace("url(#", f"url(#{prefix}")
    if key == "style":
        value = re.sub(r"font: ([\d.]+)px [^;]*", r"font-size: \1px", value)
        value = re.sub(r"font: (bold|700) ([\d.]+)px [^;]*", r"font-weight: bold; font-size: \2px", value)
        return re.sub(r"#[0-9a-f]{6}", lambda found: f"var({VARIABLES.get(found[0], '--ink')})", value)
    digits = 6 if "matrix" in value else 1  # of a matrix, some numbers are factors and no places
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.{digits}f}".removesuffix(".0"), value)
