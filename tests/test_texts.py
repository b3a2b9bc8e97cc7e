"""Views of texts against a plain loop, batches as long as their longest text, and text beside pictures in a suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import Augmentation, Data, Draw, Split, Text, TextView, Trained, UsageError, Views
from harness.learning.data.batches import Source

PAD, FIRST, LAST = 1, 0, 2  # as RoBERTa has them
LENGTHS = (9, 1, 0, 4, 12, 2)  # of the texts between FIRST and LAST
LONGEST = 20  # of the split, not of the batch


def tokens(special: bool) -> Tensor:
    """(6, LONGEST): every token another one, so that what is left of a text can be told."""
    rows = torch.full((len(LENGTHS), LONGEST), PAD)
    for number, (row, length) in enumerate(zip(rows, LENGTHS, strict=True)):
        inner = torch.arange(length) + 100 * (number + 1)
        ends = (torch.tensor([FIRST]), torch.tensor([LAST])) if special else (torch.tensor([], dtype=torch.int64),) * 2
        text = torch.cat([ends[0], inner, ends[1]])
        row[: len(text)] = text
    return rows


def text(view: Any, rate: float = 0.4, special: bool = True) -> Text:
    return Text(augmentation=TextView(view=view, rate=rate), pad=PAD, special=(FIRST, LAST) if special else ())


def plainly_cropped(row: list[int], at: dict[int, Any], rate: float) -> list[int]:
    """`at`: the random numbers of the row, as `cropped` draws them: one for the number of tokens, one for the place."""
    number = len(row)
    kept = min(max(int(number * (1 - rate) + at[0]), 1), number)
    first = min(int(at[1] * (number - kept + 1)), number - kept)
    return row[first : first + kept]


def plainly_thinned(places: list[int], row: list[int], chance: list[float], rate: float) -> list[int]:
    """`places` of the row's tokens among all, of which each has its random number."""
    own = [chance[place] for place in places]
    return [token for token, each in zip(row, own, strict=True) if each >= rate or each == max(own)]


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("rate", [0.1, 0.4, 0.95])
@pytest.mark.parametrize("view", ["crop", "delete"])
def test_views_equal_a_plain_loop(view: str, rate: float, special: bool) -> None:
    samples = tokens(special)
    width = max(LENGTHS) + 2 * special
    for seed in range(20):
        seen = text(view, rate, special).view(samples, Draw(len(samples), torch.Generator().manual_seed(seed)))
        again = Draw(len(samples), torch.Generator().manual_seed(seed))
        drawn = (
            torch.stack([again.uniform(0, 1), again.uniform(0, 1)], 1)
            if view == "crop"
            else again.uniform(0, 1, LONGEST)
        )
        expected = []
        for row, numbers in zip(samples.tolist(), drawn.double().tolist(), strict=True):
            places = [place for place, token in enumerate(row) if token >= 100]
            inner = [row[place] for place in places]
            if view == "crop":
                kept = plainly_cropped(inner, dict(enumerate(numbers)), rate)
            else:
                kept = plainly_thinned(places, inner, numbers, rate)
            assert bool(kept) == bool(inner)  # no text becomes empty
            whole = [FIRST, *kept, LAST] if special else kept
            expected.append(whole + [PAD] * (width - len(whole)))
        assert seen.tolist() == expected


@pytest.mark.parametrize("view", ["crop", "delete"])
def test_a_view_leaves_out_the_share_that_it_should(view: str) -> None:
    samples = torch.arange(2, 2 + 4000 * 5).view(4000, 5)
    seen = text(view, 0.3, False).view(samples, Draw(4000, torch.Generator().manual_seed(0)))
    assert (seen != PAD).sum().item() / samples.numel() == pytest.approx(0.7, abs=0.01)


def test_batches_are_as_long_as_their_longest_text() -> None:
    samples = tokens(special=False)
    assert text("dropout").inputs(samples).shape == (6, 12)
    assert text("dropout").inputs(samples[None, 1:4]).shape == (1, 3, 4)  # of an episode
    assert text("dropout").inputs(samples[2:3]).tolist() == [[PAD]]  # of no token at all
    assert replace(text("dropout"), pad=None).inputs(samples) is samples


class Lengths(nn.Module):
    """Features are the sum of the tokens that are no padding; how long the batches were is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def encode(self, batch: Tensor) -> Tensor:
        self.seen.append(batch.shape[1])
        return (batch * (batch != PAD)).sum(1, keepdim=True)


def test_texts_are_encoded_with_those_of_their_length_and_features_are_in_the_order_of_the_split() -> None:
    samples = tokens(special=False)
    data = Data({"train": Split(samples)}, text("dropout"), torch.device("cpu"))
    method: Any = Lengths()
    features = Trained(method, data).encode(samples, most=2)
    assert method.seen == [1, 4, 12]
    assert features[:, 0].tolist() == (samples * (samples != PAD)).sum(1).tolist()


def test_two_ranks_make_the_views_of_one() -> None:
    """Though their longest texts differ."""
    data = Data.of({"train": Split(tokens(special=True))}, text("delete"), torch.device("cpu"))
    whole, *parts = (Views(2).draw(Source(data, 6, 0, *rank), 0) for rank in ((0, 1), (0, 2), (1, 2)))
    assert {part.shape[2] for part in parts} in ({14, 11}, {14, 6}, {14})
    for part, own in zip(parts, whole.split(3, dim=1), strict=True):
        width = part.shape[2]
        assert torch.equal(part, own[..., :width])
        assert (own[..., width:] == PAD).all()


@pytest.mark.parametrize("view", ["dropout", "crop", "delete"])
def test_a_plain_view_of_texts_is_whole_and_as_long_as_the_random_ones(view: str) -> None:
    data = Data.of({"train": Split(tokens(special=True))}, text(view), torch.device("cpu"))
    source = Source(data, 3, 0)
    views = Views(3, plain=1).draw(source, 1)
    assert torch.equal(views[0], data.inputs(source.samples(1)))
    assert torch.equal(views[1:], Views(2).draw(source, 1))
    assert torch.equal(views[0], views[1]) == (view == "dropout")


def test_a_method_changes_what_the_data_set_recommends() -> None:
    recommended = text("crop", 0.2)
    changed = recommended.augmented(TextView(view="delete"))
    assert isinstance(changed, Text)
    assert changed.augmentation == TextView(view="delete", rate=0.2)
    assert recommended.augmented(Augmentation()) is recommended  # of methods made for pictures, which change nothing
    assert recommended.augments
    assert not text("crop", 0.0).augments
    assert not text("dropout").augments
    with pytest.raises(UsageError, match="Augmentation cannot be used for text"):
        recommended.augmented(Augmentation(flip=0.5))
    with pytest.raises(ValueError, match="rate is a share"):
        TextView(rate=1.0)


def test_views_need_a_backbone_that_says_what_padding_is() -> None:
    said = "views by crop are not for this backbone: it does not say which token is padding"
    with pytest.raises(UsageError, match=said):
        Text(augmentation=TextView(view="crop", rate=0.1)).prepared_for(nn.Identity())
    with pytest.raises(UsageError, match=said):
        Text().augmented(TextView(view="crop"))


SUITE = """\
name: kinds
matrix:
- {method: [simclr], backbone: [{use: conv4, width: 8}], dataset: [digits], seed: [0]}
- method: [simclr, {use: protonet, ways: 5}]
  backbone: [{use: words, vocabulary: 1000, width: 16}]
  dataset: [{use: grammar, triples: 100, augmentation: {view: crop, rate: 0.3}}]
  seed: [0]
- {method: [untrained], backbone: [{use: static, width: 64}], dataset: [{use: grammar, triples: 100}], seed: [0]}
budget: {steps: 3, batch_size: 16}
evaluators: {knn: {}}
"""


def test_pictures_and_texts_are_in_one_suite(
    tmp_path: Path, suite: Callable[[str], Path], harness: Callable[..., Any]
) -> None:
    path = suite(SUITE)
    assert "4 cells" in harness("plan", path).stdout
    harness("run", path)
    scores = [json.loads(each.read_text())["metrics"] for each in tmp_path.rglob("evaluations/*.json")]
    assert len(scores) == 4
    assert all(0 < metrics["accuracy"]["value"] <= 1 for metrics in scores)
