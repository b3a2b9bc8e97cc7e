"""FID and KID against closed forms, scipy and a double loop; the judge of a suite, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from harness_contrad.generation import GROUPS, fid, frechet, kid
from safetensors.torch import load_file, save_file
from torch import Tensor

from harness import UsageError, load_suite
from harness.base.atomic_files import read_json, seal, write_json
from harness.suite.plan import Plan
from tests import warm

SUITE = """\
matrix: {method: [contrad, simclr, supervised], backbone: [{use: conv4, width: 8}], dataset: [digits], seed: [0]}
budget: {steps: 2, batch_size: 16}
methods: {contrad: {hidden_dim: 8, projection_dim: 8, width: 4}}
evaluators:
  knn: {}
  generation: {samples: 120, judge: supervised, only: [contrad]}
"""


def features(number: int, seed: int, shift: float = 0.0, width: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return shift + torch.randn(number, width, generator=generator, dtype=torch.float64) @ mixing


def test_frechet_has_the_closed_form_of_gaussians_whose_covariances_commute() -> None:
    means = torch.tensor([[0.0, 1.0, 2.0], [1.0, -1.0, 2.5]], dtype=torch.float64)
    deviations = torch.tensor([[1.0, 2.0, 0.0], [0.5, 3.0, 1.0]], dtype=torch.float64)
    found = frechet(means[0], deviations[0].square().diag(), means[1], deviations[1].square().diag())
    expected = (means[0] - means[1]).square().sum() + (deviations[0] - deviations[1]).square().sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(("number", "others"), [(205, 160), (100, 100)])
def test_fid_is_that_of_scipys_root_and_so_without_each_part(number: int, others: int) -> None:
    one, other = features(number, 0), features(others, 1, shift=0.5)

    def plain(a: Any, b: Any) -> float:
        first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        root = scipy.linalg.sqrtm(first @ second).real
        return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root))

    value, left_out = fid(one, other)
    assert value == pytest.approx(plain(one.numpy(), other.numpy()), rel=1e-8)
    for group in (0, 7, GROUPS - 1):
        kept = [np.delete(each.numpy(), _rows(len(each), group), axis=0) for each in (one, other)]
        assert left_out[group].item() == pytest.approx(plain(*kept), rel=1e-8)


def _rows(number: int, group: int) -> list[int]:
    return list(torch.arange(number).tensor_split(GROUPS)[group].tolist())


def test_kid_is_that_of_a_double_loop_and_so_without_each_part() -> None:
    one, other = features(43, 0), features(40, 1, shift=0.3)

    def plain(a: list[list[float]], b: list[list[float]]) -> float:
        def kernel(x: list[float], y: list[float]) -> float:
            return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

        def within(c: list[list[float]]) -> float:
            pairs = [kernel(x, y) for i, x in enumerate(c) for j, y in enumerate(c) if i != j]
            return sum(pairs) / len(pairs)

        across = [kernel(x, y) for x in a for y in b]
        return within(a) + within(b) - 2 * sum(across) / len(across)

    value, left_out = kid(one, other)
    assert value == pytest.approx(plain(one.tolist(), other.tolist()), rel=1e-9)
    for group in (0, 11):
        kept = [np.delete(each.numpy(), _rows(len(each), group), axis=0).tolist() for each in (one, other)]
        assert left_out[group].item() == pytest.approx(plain(*kept), rel=1e-9)


def test_of_one_distribution_kid_is_zero_on_average_and_fid_is_larger_the_fewer_are_compared() -> None:
    """Why the counts are in the protocol."""
    torch.manual_seed(0)
    pairs = [torch.randn(2, 400, 4, dtype=torch.float64) for _ in range(30)]
    values = torch.tensor([kid(*pair)[0] for pair in pairs])
    assert values.mean().abs() < 3 * values.std() / len(values) ** 0.5
    fids = [np.mean([fid(*pair[:, :number])[0] for pair in pairs]) for number in (400, 100)]
    assert fids[1] > 3 * fids[0]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("generation")
    (folder / "benchmarks.yaml").write_text(SUITE)
    return folder, _run(folder, 0)


def _run(folder: Path, code: int, *more: str) -> str:
    done = warm.run(["run", "benchmarks.yaml", "--results", "results", *more], folder)
    assert done.returncode == code, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def _scored(folder: Path) -> dict[str, dict[str, Any]]:
    """By evaluator, what it found of contrad."""
    cells = {path.parent: json.loads(path.read_text()) for path in folder.glob("results/cells/*/cell.json")}
    [own] = [each for each, cell in cells.items() if cell["method"]["name"] == "contrad"]
    read = [json.loads(path.read_text()) for path in own.glob("evaluations/*.json")]
    return {each["label"]: each for each in read}


def test_a_judge_is_trained_first_and_stands_in_the_protocol(ran: tuple[Path, str]) -> None:
    folder, said = ran
    assert "3 of 3 cells done" in said
    plan = Plan.of(load_suite(folder / "benchmarks.yaml"))
    assert [cell.method.label for cell in plan.cells.values()] == ["supervised", "contrad", "simclr"]
    found = _scored(folder)["generation"]
    assert set(found["metrics"]) == {"FID", "KID"}
    for metric in found["metrics"].values():
        assert metric["protocol"] == "120 made and 120 of test, judged by supervised"
        assert metric["value"] > metric["details"]["of as many of train"]
    assert found["evaluator"]["judge"]["method"]["name"] == "supervised"


def test_the_plan_names_the_judge(ran: tuple[Path, str]) -> None:
    planned = warm.run(["plan", "benchmarks.yaml", "--results", "none"], ran[0]).stdout
    cells = {line.split()[1]: line.split() for line in planned.splitlines() if "digits" in line}
    assert "judged by" in planned
    assert cells["supervised"][0] in cells["contrad"]
    assert "1 cell cannot begin before others are trained." in planned


def test_its_scores_are_those_of_the_judges_features(ran: tuple[Path, str]) -> None:
    """By hand, from the two models of the folder."""
    from harness_contrad.generation import chosen

    from harness.learning import building
    from harness.learning.starting import load_trained

    folder, _ = ran
    cells = {cell.method.label: cell for cell in Plan.of(load_suite(folder / "benchmarks.yaml")).cells.values()}
    data = building.load_data(cells["contrad"].dataset, torch.device("cpu"))
    methods = {}
    for name in ("contrad", "supervised"):
        methods[name], own = building.build(cells[name], data)
        load_trained(methods[name], folder / "results" / "cells" / cells[name].id / "model.safetensors")
    test = data.split("test").samples
    assert isinstance(test, Tensor)
    with torch.no_grad():
        pictures = methods["contrad"].sample(120, torch.Generator().manual_seed(0))
        sets = [methods["supervised"].encode(own.inputs(each)) for each in (pictures, test[chosen(own, "test", 120)])]
    metrics = _scored(folder)["generation"]["metrics"]
    assert metrics["FID"]["value"] == pytest.approx(fid(*(each.double() for each in sets))[0], rel=1e-3)
    stored = (folder / "results" / "cells" / cells["contrad"].id / "evaluations").glob("*.npz")
    [shown] = [each for each in map(np.load, stored) if "pictures/FID/pixels" in each.files]
    assert (shown["pictures/FID/pixels"] == pictures[:32].numpy()).all()  # what the report shows


def test_a_judge_with_other_weights_scores_again_and_trains_nobody_again(ran: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(ran[0], folder)
    ids = {cell.method.label: id_ for id_, cell in Plan.of(load_suite(folder / "benchmarks.yaml")).cells.items()}
    judge, own = (folder / "results" / "cells" / ids[name] for name in ("supervised", "contrad"))
    model, before = judge / "model.safetensors", _scored(folder)["generation"]
    save_file({name: each * 2 if each.is_floating_point() else each for name, each in load_file(model).items()}, model)
    training = read_json(judge / "training.json")
    assert training is not None
    write_json(judge / "training.json", {**training, "model": seal(model)})
    trained = (own / "training.json").read_bytes()

    said = _run(folder, 0)
    after = _scored(folder)["generation"]
    assert "runs again, because the model that it starts from, or is judged by, has changed" in said
    assert (before["judge"]["model"], after["judge"]["model"]) == (training["model"], seal(model))
    assert after["metrics"]["FID"]["value"] != before["metrics"]["FID"]["value"]
    assert (own / "training.json").read_bytes() == trained


def test_another_judge_makes_another_evaluation_and_no_training(ran: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = ran
    plans = []
    for number, judge in enumerate(("supervised", "simclr")):
        (tmp_path / f"{number}.yaml").write_text(SUITE.replace("judge: supervised", f"judge: {judge}"))
        plans.append(Plan.of(load_suite(tmp_path / f"{number}.yaml")))
    assert plans[0].cells.keys() == plans[1].cells.keys()
    assert len(plans[0].evaluators.keys() & plans[1].evaluators.keys()) == 1
    assert plans[0].cells.keys() == Plan.of(load_suite(folder / "benchmarks.yaml")).cells.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("only: [contrad]", "only: [contrad, supervised]"), "6: judge: 'supervised' cannot judge itself."),
        ((", only: [contrad]", ""), "6: judge: 'supervised' cannot judge itself."),
        (("judge: supervised", "judge: supervise"), "6: judge: no method 'supervise' in this suite. Did you mean 'sup"),
        (("judge: supervised", "judge: supervised, data: digits"), "6: an evaluator with data of its own has no judge"),
        (
            ("[contrad, simclr, supervised]", "[{use: contrad, start: supervised}, simclr, supervised]"),
            "6: judge: 'contrad (start=supervised)' starts from 'supervised' and cannot be judged by it.",
        ),
        (
            ("supervised]", "{use: supervised, start: simclr}]"),
            "6: judge: 'supervised (start=simclr)' starts from another cell, and a judge starts from none.",
        ),
        (
            ("  knn: {}", "  other: {use: generation, judge: contrad, only: [supervised]}"),
            "6: judge: 'supervised' judges 'contrad' and has a judge itself.",
        ),
    ],
)
def test_a_judge_that_makes_no_sense_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "benchmarks.yaml"
    path.write_text(SUITE.replace(*change))
    with pytest.raises(UsageError) as refused:
        load_suite(path)
    assert f"{path}:{message}" in str(refused.value)


def test_what_cannot_be_scored_ends_the_run_before_anything_trains(tmp_path: Path) -> None:
    evaluators = """\
  without: {use: generation, samples: 120, only: [a]}
  simclr's: {use: generation, samples: 120, judge: supervised, only: [simclr]}
  many: {use: generation, samples: 9000, judge: supervised, only: [b]}
  knn: {judge: supervised, only: [c]}
"""
    more = "[{use: contrad, label: a}, {use: contrad, width: 5, label: b}, {use: contrad, width: 6, label: c},"
    (tmp_path / "benchmarks.yaml").write_text(SUITE[: SUITE.index("  knn")].replace("[contrad,", more) + evaluators)
    said = _run(tmp_path, 2)
    assert "benchmarks.yaml:5: a on digits with conv4 (width=8): it needs a judge: add 'judge: LABEL'" in said
    assert "benchmarks.yaml:6: simclr on digits with conv4 (width=8): SimCLR makes no samples" in said
    assert "9000 are compared: set 'samples'." in said
    assert "'knn' has no judge: leave 'judge' out." in said
    assert not list(tmp_path.glob("results/cells/*"))


def test_what_a_failed_judge_costs(tmp_path: Path) -> None:
    """What it would have judged says so, and is not trained."""
    text = SUITE.replace("supervised]", "{use: supervised, budget: {lr: 1.0e+30, precision: bf16}}]")
    (tmp_path / "benchmarks.yaml").write_text(text)
    said = _run(tmp_path, 1)
    assert "its judge 'supervised · conv4 (width=8) · digits · seed 0' failed: " in said
    assert "1 of 3 cells done" in said
