"""Commands that show things: quick, torch-free, and right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.plugins import compatibility, manager
from tests.conftest import SUITE, Harness, install


@pytest.mark.parametrize("command", [["--help"], ["list"], ["plan", "benchmarks.yaml"], ["show", "method", "classify"]])
def test_without_torch_pandas_or_scipy(command: list[str], suite: Callable[[str], Path], tmp_path: Path) -> None:
    suite(SUITE)
    code = (
        "import sys; from harness.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'timm', 'learn2learn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_list_names_components_and_distributions(harness: Harness) -> None:
    listed = harness("list").stdout
    for name in (
        "classify",
        "simclr",
        "moco",
        "maml",
        "protonet",
        "supervised",
        "untrained",
        "conv4",
        "glyphs",
        "fewshot",
        "local",
    ):
        assert f"\n{name} " in listed
    assert "harness-toy" in listed
    assert "rep-harness-simclr" in listed
    methods = harness("list", "methods").stdout
    assert "simclr" in methods
    assert "conv4" not in methods
    assert "Did you mean 'method'?" in harness("list", "metod", code=2).stderr


def test_methods_are_listed_by_family_in_the_order_of_their_appearance(harness: Harness, tmp_path: Path) -> None:
    """A stranger's own words are a family as well; what says none is among the others; "" is none."""
    stranger = (
        "from harness import hookimpl\n@hookimpl\ndef register_methods(register):\n"
        "    register('aaa', 'a:b', family='of the stranger')\n"
        "    register('aab', 'a:b', family='')\n"
        "    register('aac', 'a:b', family=7)\n"
    )
    install(tmp_path, "stranger", stranger)
    done = harness("list", "methods", env={"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])})
    assert "method 'aac' is registered with the family 7, which is no text" in done.stderr
    families: dict[str, list[str]] = {}
    for line in done.stdout.splitlines()[2:]:
        if line.startswith(" "):
            continue  # a long line goes on
        if line.endswith(":"):
            families[line.removesuffix(":")] = []
        else:
            families[list(families)[-1]].append(line.split()[0])
    assert list(families)[:2] == ["of the stranger", "other"]
    firsts = [members[0] for members in families.values()]
    assert firsts == sorted(firsts)
    assert families["of the stranger"] == ["aaa"]
    assert {"aab", "classify"} <= set(families["other"])
    assert {"moco", "simclr"} <= set(families["contrastive"])
    assert {"supervised", "untrained"} <= set(families["baselines"])
    assert harness("show", "method", "maml").stdout.count("optimisation-based") == 1


def test_what_has_no_families_is_listed_without_headings(harness: Harness) -> None:
    listed = harness("list", "backbones").stdout.splitlines()
    assert listed[0] == "backbones"
    assert not any(line.endswith(":") for line in listed)


def test_show_gives_options_paper_and_distribution(harness: Harness) -> None:
    shown = harness("show", "method", "classify").stdout
    for text in (
        "a linear classifier",
        "arXiv:0000",
        "harness-toy 1.0",
        "temperature",
        "softmax temperature",
        "fast | slow",
        "1.0",
    ):
        assert text in shown
    assert "weights: FILE" not in shown
    assert "Did you mean 'classify'?" in harness("show", "method", "clasify", code=2).stderr


def test_show_says_what_a_backbone_may_start_from(harness: Harness) -> None:
    flat = " ".join(harness("show", "backbone", "flat").stdout.split())
    assert "starts: random, or from a file of trained weights: 'weights: FILE' in its entry" in flat
    library = " ".join(harness("show", "backbone", "timm").stdout.split())
    assert "starts: random, or from a file" in library
    assert "pretrained bool false true: the weights that timm publishes" in library


def test_show_cuts_nothing_in_80_columns(harness: Harness) -> None:
    for component in ("dataset image_folder", "method maml"):
        shown = harness("show", *component.split()).stdout
        assert max(map(len, shown.splitlines())) <= 80
        assert "…" not in shown
    pictures = harness("show", "dataset", "image_folder").stdout
    assert "<split>/<class>/<picture>" in pictures
    assert re.search(r"\naugmentation +options ", pictures)
    assert re.search(r"\n  crop +\[float, float\] \| none +none ", pictures)


@pytest.mark.parametrize(
    ("command", "usage", "default"),
    [
        ("run", "harness run [OPTIONS]", "per GPU, or per core without"),
        ("run", "harness run [OPTIONS]", "OMP_NUM_THREADS, or cores / workers"),
        ("check", "harness check [OPTIONS]", "results/NAME"),
        ("leaderboard", "harness leaderboard [OPTIONS] [DIR] ", "the only one in results/"),
        ("report", "harness report [OPTIONS] [DIR] ", "DIR/report.html"),
    ],
)
def test_help_says_what_is_done_by_default(command: str, usage: str, default: str, harness: Harness) -> None:
    lines = harness(command, "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(" ".join(lines).replace("│", " ").split())
    assert usage.strip() in shown
    assert "[[" not in shown
    assert re.search(rf"\[default: [^]]*{re.escape(default)}", shown)


def test_plan_lists_cells(harness: Harness, suite: Callable[[str], Path]) -> None:
    table = harness("plan", suite(SUITE)).stdout
    assert "4 cells: 4 todo" in table
    cells = json.loads(harness("plan", suite(SUITE), "--json").stdout)["cells"]
    assert [(cell["method"]["name"], cell["seed"], cell["status"]) for cell in cells] == [
        ("classify", 0, "todo"),
        ("idle", 0, "todo"),
        ("classify", 1, "todo"),
        ("idle", 1, "todo"),
    ]
    assert all(cell["id"] in table for cell in cells)
    chosen = json.loads(harness("plan", suite(SUITE), "--json", "--only", "method=idle", "--only", "seed=1").stdout)
    assert [cell["id"] for cell in chosen["cells"]] == [cells[3]["id"]]
    refused = harness("plan", suite(SUITE), "--only", "method=idel", code=2)
    assert "no method 'idel' in this suite. Did you mean 'idle'?" in refused.stderr


def test_broken_plugins_are_named_and_the_rest_works(harness: Harness, tmp_path: Path) -> None:
    sources = {
        "raises": "raise RuntimeError('bad day')",
        "misspelt": "from harness import hookimpl\n@hookimpl\ndef register_metods(register): pass",
        "clash": "from harness import hookimpl\n@hookimpl\ndef register_methods(register): register('classify', 'a:b')",
        "halfway": "from harness import hookimpl\n@hookimpl\ndef register_methods(register): register('h', 'a:b'); 1/0",
    }
    for name, source in sources.items():
        install(tmp_path, name, source, entry="same")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    table = harness("plugins", env={"PYTHONPATH": path}).stdout
    assert re.search(r"\nsame +refused; cannot be imported: .* plugin-raises 2.0\n", table)
    assert max(map(len, table.splitlines())) <= 80
    listed = harness("list", "methods", env={"PYTHONPATH": path})
    assert "idle" in listed.stdout
    for text in (
        "plugin 'same' (plugin-raises 2.0): cannot be imported: RuntimeError: bad day",
        "plugin 'same' (plugin-misspelt 2.0): there is no hook 'register_metods'. Did you mean 'register_methods'?",
        "plugin 'same' (plugin-halfway 2.0): register_methods raised ZeroDivisionError",
        "plugin 'same' (plugin-clash 2.0): method 'classify' is registered by plugin 'toy' (harness-toy 1.0) too",
    ):
        assert text in listed.stderr


@pytest.mark.parametrize("arguments", [["list"], ["list", "methods"], ["--help"]])
def test_a_reader_that_leaves_ends_the_command_in_silence(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "harness", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 1


def test_a_closed_standard_output_is_no_fault(suite: Callable[..., Path]) -> None:
    command = f"{sys.executable} -m harness plan {suite()} >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_message_does_not_act_on_the_terminal(harness: Harness) -> None:
    assert harness("plan", "\x1b[31mno.yaml", code=2).stderr.startswith("harness: \\x1b[31mno.yaml: cannot be read")


def test_plugins_are_listed_with_their_distributions_and_can_be_blocked(harness: Harness) -> None:
    listed = harness("plugins", env={"COLUMNS": "200"}).stdout
    assert re.search(r"\ntoy +method classify fail idle.*, backbone flat, .* harness-toy 1.0\n", listed)
    for arguments, env in (
        (["--no-plugins", "plugins"], {}),
        (["plugins", "--no-plugins=toy"], {}),
        (["plugins", "--no-plugins=harness-toy"], {}),
        (["plugins"], {"HARNESS_NO_PLUGINS": "toy"}),
        (["plugins"], {"HARNESS_NO_PLUGINS": "all"}),
    ):
        blocked = harness(*arguments, env=env).stdout
        assert re.search(r"\ntoy +blocked +harness-toy 1.0\n", blocked)
        assert re.search(r"\nsimclr +method simclr +rep-harness-simclr", blocked)
    entries = json.loads(harness("plugins", "--json", "--no-plugins").stdout)["plugins"]
    [toy] = [each for each in entries if each["plugin"] == "toy"]
    assert (toy["distribution"], toy["version"], toy["status"]) == ("harness-toy", "1.0", "blocked")
    [simclr] = [each for each in entries if each["plugin"] == "simclr"]
    assert (simclr["status"], simclr["registers"]) == ("loaded", {"method": ["simclr"]})
    ours = harness("--no-plugins", "--no-plugins=rep-harness-simclr", "list").stdout
    assert "\nmoco " in ours
    assert "\nsimclr " not in ours
    assert "\nclassify " not in ours
    assert "there is no plugin 'tyo'. Did you mean 'toy'?" in harness("--no-plugins=tyo", "list", code=2).stderr
    assert "there is no method 'idle'" in harness("show", "method", "idle", "--no-plugins", code=2).stderr


def test_all_bundled_plugins_are_known_as_such() -> None:
    ours = {path.parent.name for path in (Path(__file__).parent.parent / "plugins").glob("*/pyproject.toml")}
    assert manager.bundled() == {f"rep-harness-{name}" for name in ours}


def test_a_blocked_plugin_is_not_imported(harness: Harness, tmp_path: Path) -> None:
    install(tmp_path, "evil", "from pathlib import Path\nPath('ran').touch()\n")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])}
    harness("--no-plugins", "list", env=path)
    assert not (tmp_path / "ran").exists()
    harness("list", env=path)
    assert (tmp_path / "ran").exists()


def test_jobs_inherit_what_is_blocked(harness: Harness, suite: Callable[[str], Path], tmp_path: Path) -> None:
    source = "import os\nfrom pathlib import Path\nwith Path('met').open('a') as file: file.write('x')\n"
    install(tmp_path, "evil", source)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])}
    harness("run", suite(SUITE.replace("[0, 1]", "[0]")), "--no-plugins=evil", env=path)
    assert not (tmp_path / "met").exists()


@pytest.mark.parametrize(
    ("wants", "met"),
    [
        ("rep-harness", True),
        ("rep-harness>=0.1", True),
        ("rep-harness (>=99)", False),
        ("Rep_Harness[all]>=99", False),
        ("rep-harness>=99; python_version < '3'", True),
        ("rep-harness-x>=99", True),
        ("rep-harness[contract-1]", False),
        ("rep-harness[contract-2]", True),
        ("rep-harness[contract-1,contract-2]", True),
        ("rep-harness[contract_99]", False),
        ("Rep--Harness[Contract.99]", False),
    ],
)
def test_a_plugin_for_another_version_of_ours_is_refused(wants: str, met: bool) -> None:
    assert (compatibility.unmet(["torch>=99", wants]) == "") == met
    assert compatibility.unmet([f"{wants.partition(';')[0]}; extra == 'test'"]) == ""
    assert compatibility.unmet(None) == ""


def test_a_plugin_with_damaged_metadata_stops_no_other(harness: Harness, tmp_path: Path) -> None:
    install(tmp_path, "odd", "", needs="rep-harness>=>1")
    install(tmp_path, "bare", "raise RuntimeError")
    (tmp_path / "plugin_bare-2.0.dist-info" / "METADATA").unlink()
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    listed = harness("list", "methods", env={"PYTHONPATH": path})
    assert "idle" in listed.stdout
    assert "plugin 'odd' (plugin-odd 2.0): needs 'rep-harness>=>1', which is no requirement\n" in listed.stderr
    assert "plugin 'bare' (" in listed.stderr


def test_a_named_budget_is_planned_and_run_apart(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    path = suite(SUITE + "budgets:\n  smoke: {budget: {steps: 2}, matrix: {method: [idle], seed: [0]}}\n")
    assert "1 cell: 1 todo" in harness("plan", path, "--budget", "smoke").stdout
    harness("run", path, "--budget", "smoke")
    assert [each.name for each in (tmp_path / "results").iterdir()] == ["toy-smoke"]
    assert "4 cells: 4 todo" in harness("plan", path).stdout
    assert "Did you mean 'smoke'?" in harness("run", path, "--budget", "smoek", code=2).stderr


@pytest.mark.parametrize("limit", ["0", "-1", "nan"])
@pytest.mark.parametrize("option", ["--timeout", "--memory"])
def test_a_limit_that_no_cell_could_keep_is_refused(
    harness: Harness, suite: Callable[[str], Path], option: str, limit: str
) -> None:
    said = harness("run", suite(SUITE), option, limit, code=2).stderr
    assert said == f"harness: {option} must be more than 0, not {limit}.\n"
