"""What the site shows beside docs/: README.md, the plugins' READMEs, and what pages link to in the repository.

MkDocs calls the functions `on_...`. Files stay where they are, and links are written as a forge resolves them. Here
each relative link is changed to where its target is on the site. A linked file of code becomes a page that shows it,
and a linked folder a page that lists its files.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TOP = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
TOP |= {"SECURITY.md": "security.md", "plugins": "bundled/index.md"}
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
FENCED = re.compile(r"(^ *```.*?^ *```[^\n]*$)", re.MULTILINE | re.DOTALL)
CODE_OR_LINK = re.compile(r"(`+[^`]+`+)|(\]\(|(?:src|srcset|href)=\")([^)\s\"]+)")
BOARD = re.compile(r"^<!-- leaderboard: .*?^<!-- end of leaderboard -->", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"( *)(?:[-*]|\d+\.) ")

places: dict[str, str] = {}  # path in the repository -> path in the documentation, of every page and picture


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    from mkdocs.structure.files import File

    places.clear()
    places.update({f"docs/{file.src_uri}": file.src_uri for file in files if not file.src_uri.endswith(".py")})
    for path, source in brought_in().items():
        files.append(File.generated(config, places[path], content=source))
    return files


def brought_in() -> dict[str, str]:
    """The markdown of each page that is not in docs/, by its path in the repository; all are entered in `places`."""
    places.update(TOP | {path: f"bundled/{path.split('/')[1]}.md" for path in readmes()})
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in (*TOP, *readmes()) if path.endswith(".md")}
    texts["plugins"] = bundled()
    pages = {path: ROOT / path for path in places if path.endswith(".md")}
    linked = {target for path, page in pages.items() for target in outside(path, page.read_text(encoding="utf-8"))}
    for path in sorted(linked):
        name = path if path.endswith(".md") else f"{path}.md" if (ROOT / path).is_file() else f"{path}/index.md"
        places[path] = f"source/{name}"
        texts[path] = shown(path)
    return texts


def readmes() -> list[str]:
    """Those of the plugins of this repository."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/README.md"))


def bundled() -> str:
    """A page that lists the plugins of this repository."""
    rows = []
    for name in (path.split("/")[1] for path in readmes()):
        project = tomllib.loads((ROOT / "plugins" / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        rows.append(f"| [{name}]({name}/README.md) | `{project['name']}` | {project['description']} |")
    head = ["# Bundled plugins", "", "A distribution for each folder of `plugins/`.", ""]
    return "\n".join([*head, "| plugin | distribution | what it is |", "|---|---|---|", *rows, ""])


def outside(path: str, text: str) -> Iterator[str]:
    """The files and folders of the repository that a page links to and that have no page yet."""
    for target in targets(text):
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if found not in places and not found.startswith("..") and (ROOT / found).exists():
            yield found


def targets(text: str) -> Iterator[str]:
    """The paths of the relative links of a page."""
    for part in FENCED.split(text)[::2]:
        yield from (path for match in CODE_OR_LINK.finditer(part) if (path := relative(match)))


def shown(path: str) -> str:
    """A file of the repository as a page: markdown as it is, code as a block; a folder as a list."""
    place = ROOT / path
    if place.is_dir():
        files = [each for each in sorted(place.iterdir()) if each.name == "leaderboard.md"]
        if files:
            return files[0].read_text(encoding="utf-8")
        names = [f"- `{each.name}`" for each in sorted(place.iterdir()) if not each.name.startswith(("_", "."))]
        return "\n".join([f"# {path}", "", "In this folder of the repository:", "", *names, ""])
    text = place.read_text(encoding="utf-8")
    if place.suffix == ".md":
        return text
    return f"# {path}\n\n````{LANGUAGES.get(place.suffix, 'text')}\n{text}````\n"


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The page's markdown as Python-Markdown needs it, with links to where things are on the site."""
    here = page.file.src_uri
    path = next((path for path, place in places.items() if place == here), here)
    folder = path if (ROOT / path).is_dir() else posixpath.dirname(path)

    def moved(target: str) -> str:
        found = posixpath.normpath(posixpath.join(folder, target))
        return posixpath.relpath(places[found], posixpath.dirname(here) or ".") if found in places else target

    return spaced(lowered(links_changed(markdown, moved)))


def links_changed(text: str, change: Callable[[str], str]) -> str:
    """The text with the path of each relative link changed; its anchor stays."""

    def one(match: re.Match[str]) -> str:
        path = relative(match)
        return f"{match[2]}{change(path)}{match[3].removeprefix(path)}" if path else match[0]

    parts = FENCED.split(text)
    return "".join(part if number % 2 else CODE_OR_LINK.sub(one, part) for number, part in enumerate(parts))


def relative(match: re.Match[str]) -> str:
    """The path of a relative link, without its anchor; nothing for code, other hosts, and anchors of the same page."""
    link = urlsplit(match[3] or "")
    return "" if link.scheme or link.netloc else link.path


def lowered(text: str) -> str:
    """The headings of a leaderboard within a page, which begin at the first level, as parts of the page."""
    return BOARD.sub(lambda board: re.sub(r"^#", "###", board[0], flags=re.MULTILINE), text)


def spaced(text: str) -> str:
    """As forges read it: a list or a table may follow a line of text, and markdown stands within <details>."""
    parts = FENCED.split(text.replace("<details>", '<details markdown="1">'))
    for number in range(0, len(parts), 2):
        lines: list[str] = []
        for line in parts[number].split("\n"):
            before = lines[-1] if lines else ""
            starts = ITEM.match(line) and not before.startswith(" ") and not ITEM.match(before)
            if before.strip() and (starts or (line.startswith("|") and not before.startswith("|"))):
                lines.append("")
            lines.append(line)
        parts[number] = "\n".join(lines)
    return "".join(parts)
