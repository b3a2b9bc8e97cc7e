"""ContraD's losses against plain loops in float64; whose gradient is whose; what batch norm sees; that it learns."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from harness_contrad import Config
from harness_contrad.generator import Generator
from harness_contrad.losses import supcon_fake
from harness_contrad.method import ContraD
from torch import Tensor, nn

from harness import Augmentation, Budget, Data, UsageError
from harness.learning.data.batches import Source
from harness.learning.data.vectors import Vectors
from harness.learning.optimizers import make_optimizer
from harness.learning.training import train

SMALL = {"hidden_dim": 16, "projection_dim": 8, "width": 4, "latent_dim": 16}


def made(data: Data, net: nn.Module, **options: Any) -> ContraD:
    torch.manual_seed(1)
    return ContraD(net, Config(**{**SMALL, **options}), data)


def views(method: ContraD, data: Data, number: int = 6) -> Tensor:
    assert method.batches is not None
    drawn: Tensor = method.batches.draw(Source(data, number, seed=0), 0)
    return drawn


def shares(z: Tensor, i: int, others: list[int], temperature: float) -> dict[int, float]:
    near = {j: math.exp(float(F.cosine_similarity(z[i], z[j], dim=0)) / temperature) for j in others if j != i}
    return {j: each / sum(near.values()) for j, each in near.items()}


def one_class(z: Tensor, fakes: int, temperature: float) -> float:
    """Of each anchor, the mean over the other fakes of minus the log of its share among all rows but itself."""
    total, first = 0.0, len(z) - fakes
    for i in range(first, len(z)):
        among = shares(z, i, list(range(len(z))), temperature)
        total -= sum(math.log(among[j]) for j in range(first, len(z)) if j != i) / (fakes - 1)
    return total / fakes


@pytest.mark.parametrize(("reals", "fakes", "temperature"), [(8, 4, 0.1), (6, 5, 0.5), (2, 2, 1.0)])
def test_the_loss_of_fakes_is_that_of_a_loop(reals: int, fakes: int, temperature: float) -> None:
    z = torch.randn(reals + fakes, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with mock.patch.object(Tensor, "float", Tensor.double):
        assert supcon_fake(z, fakes, temperature).item() == pytest.approx(one_class(z, fakes, temperature), rel=1e-9)


def test_the_loss_is_the_sum_of_four_over_one_batch_of_real_and_made_pictures(gratings: Data, tiny_net: Any) -> None:
    """Each of them by a loop in float64, of features that share their batch norm."""
    method = made(gratings, tiny_net, fake_weight=0.5, temperature=0.2).double().train()
    method.modality = mock.Mock(to=lambda _: mock.Mock(view=lambda pixels, _: pixels / 255))
    real = views(method, gratings).double()
    with mock.patch.object(Tensor, "float", Tensor.double), mock.patch.object(torch, "randn", _doubles(torch.randn)):
        torch.manual_seed(0)
        found = {name: value.item() for name, value in method.loss(real).items()}
        torch.manual_seed(0)
        with torch.no_grad():
            pictures = method.generator(method.latents(6, torch.device("cpu")))
            z = method.backbone(torch.cat([*real, pictures]))
            contrast = method.real(z[:12])
            pairs = [-math.log(shares(contrast, i, list(range(12)), 0.2)[(i + 6) % 12]) for i in range(12)]
            scores = method.critic(z).squeeze(1).tolist()
    expected = {
        "contrast": sum(pairs) / 12,
        "one_class": one_class(method.fake(z).detach(), 6, 0.2),
        "gan": sum(map(softplus, scores[12:])) / 6 + sum(softplus(-each) for each in scores[:6]) / 6,
        "generator": sum(softplus(-each) for each in scores[12:]) / 6,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found["loss"] == pytest.approx(sum(expected.values()) - 0.5 * expected["one_class"], rel=1e-6)


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def _doubles(randn: Any) -> Any:
    return lambda *sizes, generator=None: randn(*sizes, dtype=torch.float64, generator=generator)


def gradients(method: ContraD, loss: Tensor) -> dict[str, Tensor]:
    method.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {name: weight.grad.clone() for name, weight in method.named_parameters() if weight.grad is not None}


def test_each_weight_has_the_gradient_of_its_own_networks_loss(gratings: Data, tiny_net: Any) -> None:
    method = made(gratings, tiny_net).train()
    parts = method.loss(views(method, gratings))
    whole = gradients(method, parts["loss"])
    of = {name: set(gradients(method, parts[name])) for name in ("contrast", "one_class", "gan", "generator")}
    tops = {part: {name.partition(".")[0] for name in names} for part, names in of.items()}
    assert tops == {
        "contrast": {"backbone", "real"},
        "one_class": {"backbone", "fake"},
        "gan": {"critic"},  # on stopped features
        "generator": {"generator"},  # of a discriminator that stands still
    }
    assert whole.keys() == dict(method.named_parameters()).keys()


def test_the_generator_learns_what_raises_the_critics_score(gratings: Data, tiny_net: Any) -> None:
    """Its gradient is that of a plain pass in which the discriminator is not held."""
    method = made(gratings, tiny_net).train()
    real, twin = views(method, gratings), copy.deepcopy(method)
    torch.manual_seed(3)
    own = gradients(method, method.loss(real)["generator"])
    torch.manual_seed(3)
    pictures = twin.views_of(twin.generator(twin.latents(6, torch.device("cpu"))))
    scores = twin.critic(twin.backbone(torch.cat([*real, pictures]))).squeeze(1)
    plain = gradients(twin, -F.logsigmoid(scores[12:]).mean())
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, plain[name], rtol=1e-4, atol=1e-7)


def test_batch_norm_sees_real_and_made_pictures_together_and_once(gratings: Data, tiny_net: Any) -> None:
    """Over made pictures alone, a batch norm would hide their brightness: here it does not."""
    method = made(gratings, tiny_net).train()
    real = views(method, gratings)
    torch.manual_seed(0)
    method.loss(real)
    norms = [each for each in method.backbone.modules() if isinstance(each, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 1]  # type: ignore[arg-type]
    torch.manual_seed(0)
    twin = made(gratings, copy.deepcopy(tiny_net))
    twin.load_state_dict(method.state_dict())
    first = twin.backbone.layers[0]  # type: ignore[union-attr,index]
    torch.manual_seed(0)
    pictures = twin.views_of(twin.train().generator(twin.latents(6, torch.device("cpu"))))
    together = first(torch.cat([*real, pictures])).mean((0, 2, 3))
    torch.testing.assert_close(norms[0].running_mean, 0.1 * together, atol=1e-4, rtol=1e-3)
    apart = 0.1 * first(torch.cat([*real])).mean((0, 2, 3))
    assert (norms[0].running_mean - apart).abs().max() > 1e-3  # type: ignore[operator]


def test_made_pictures_are_augmented_as_real_ones_are(gratings: Data, tiny_net: Any) -> None:
    """With the options of the method: without any change they are normalised, and nothing else."""
    still = made(gratings, tiny_net, augment=Augmentation(translate=0.0, jitter=0.0))
    pixels = torch.rand(8, 1, 14, 14)
    as_bytes = (255 * pixels).round().to(torch.uint8)
    torch.testing.assert_close(still.views_of(as_bytes / 255), gratings.inputs(as_bytes))
    moving = made(gratings, tiny_net)
    assert (moving.views_of(pixels) - moving.views_of(pixels)).abs().mean() > 0.1


def test_samples_come_from_running_statistics_and_the_generator_alone(gratings: Data, tiny_net: Any) -> None:
    """One by one as together, though the statistics of a batch would make other pictures of them."""
    method = made(gratings, tiny_net, width=8)
    with torch.no_grad():
        for step in range(60):  # until the running statistics are those of its pictures
            torch.manual_seed(step)
            method.train().generator(method.latents(32, torch.device("cpu")))
        method.eval()
        together = method.sample(6, torch.Generator().manual_seed(5))
        drawn = torch.Generator().manual_seed(5)
        apart = torch.cat([method.sample(1, drawn) for _ in range(6)])
        of_the_batch = method.train().sample(6, torch.Generator().manual_seed(5))
    assert together.shape == (6, 1, 14, 14)
    assert together.dtype == torch.uint8
    assert (together.int() - apart.int()).abs().max() <= 1
    assert (together.int() - of_the_batch.int()).abs().max() > 1


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 20, 33), (2, 5, 64)])
def test_the_generators_pictures_have_the_datas_shape(shape: tuple[int, ...]) -> None:
    pictures = Generator(6, 2, shape)(torch.randn(3, 6))
    assert pictures.shape == (3, *shape)
    assert ((pictures > 0) & (pictures < 1)).all()


def test_both_networks_have_beta1_and_the_generator_its_own_rate(gratings: Data, tiny_net: Any) -> None:
    method = made(gratings, tiny_net, beta1=0.3, generator_rate=2.0)
    optimizer = make_optimizer(method, Budget(steps=1, optimizer="adam"))
    names = {id(weight): name for name, weight in method.named_parameters()}
    for group in optimizer.param_groups:
        assert group["betas"] == (0.3, 0.999)
        made_ones = {names[id(weight)].startswith("generator.") for weight in group["params"]}
        assert made_ones == {group.get("rate") == 2.0}
    with pytest.raises(UsageError, match="'sgd' does not have"):
        make_optimizer(method, Budget(steps=1, optimizer="sgd"))


def test_what_is_no_picture_is_refused(tiny_net: Any) -> None:
    rows = Vectors.of(torch.randn(8, 3))
    with pytest.raises(UsageError, match="contrad makes pictures, and these are vectors"):
        ContraD(tiny_net, Config(), mock.Mock(modality=rows))


def test_it_learns(gratings: Data, tiny_net: Any, score: Any, tmp_path: Path) -> None:
    """Chance is .17; the same training at a rate near zero fits nothing but running statistics. Pixels of
    what it makes vary more nearly as the data's do."""
    scores, far = [], []
    for rate in (1e-8, 0.005):
        method = made(gratings, copy.deepcopy(tiny_net), projection_dim=32, hidden_dim=64, width=8)
        budget = Budget(steps=80, optimizer="adam", lr=rate)
        train(method, Source(gratings, 64, seed=0), budget, tmp_path / "none.pt", lambda *_: None)
        scores.append(score(method, gratings))
        with torch.no_grad():
            pictures = method.eval().sample(256, torch.Generator().manual_seed(0)).float()
        real = gratings.train.samples[:256].float()
        far.append((pictures.std(0).mean() - real.std(0).mean()).abs().item())
    assert scores[1] > scores[0] + 0.1
    assert far[1] < 0.75 * far[0]


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"fake_weight": -1.0}, {"generator_rate": 0.0}, {"width": 0}, {"beta1": 1.0}]
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(**wrong)
