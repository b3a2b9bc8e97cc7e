"""The peers' environment: `perf/peers/.venv`, made on first use, with our own Python, torch and torchvision."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PINS = HERE / "peers.txt"
FOLDER = HERE / "peers" / ".venv"


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made anew when a pin or our torch has changed."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "made-from.txt"
    same = [f"{name}=={version(name).split('+')[0]}" for name in ("torch", "torchvision")]
    wanted = "\n".join([sys.version, *same, PINS.read_text(encoding="utf-8")])
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        print(f"installing the peers into {FOLDER} ...", file=sys.stderr, flush=True)
        # from the root, whose pyproject.toml says how learn2learn and solo-learn can be installed
        uv("venv", "--clear", "--python", sys.executable, str(FOLDER))
        uv("pip", "install", "--python", str(python), "--requirements", str(PINS), *same)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def uv(*arguments: str) -> None:
    subprocess.run(["uv", *arguments, "--quiet"], cwd=HERE.parent, check=True)
