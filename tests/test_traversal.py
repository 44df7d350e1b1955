"""Traversals move one latent and leave the others; the figure shows just that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from betavae import VAE
from betavae.data.images import to_picture
from betavae.views.traversal import (
    LABEL_HEIGHT,
    MARGIN,
    VALUES,
    active_latents,
    grid,
    strip,
    traversal_figure,
    traverse,
)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    model = VAE(latents=6).eval()
    for parameter in model.decoder.parameters():  # an untrained decoder hardly looks at its code
        parameter.data.mul_(3)
    return model


@pytest.fixture(scope="module")
def codes():
    return torch.randn(2, 6, generator=torch.Generator().manual_seed(3))


def test_the_other_latents_stay(vae, codes):
    """Where the chosen latent is set to what the code already has, the picture is the code's."""
    frames = traverse(vae, codes[:1], [0, 3, 5], values=codes[0, [0, 3, 5]])
    with torch.no_grad():
        own = vae.decode(codes[:1]).mean[0]
    for block in range(3):
        assert torch.allclose(frames[0, block, block], own, atol=1e-6)
        assert not torch.allclose(frames[0, block, block - 1], own, atol=1e-3)


def test_values_are_those_of_the_papers_figure():
    assert torch.allclose(VALUES, -3 + torch.arange(8) * 6 / 7)


def test_only_the_chosen_latent_moves(vae, codes):
    frames = traverse(vae, codes, [4, 1])
    assert frames.shape == (2, 2, 8, 3, 64, 64)
    code = codes[1].clone()
    code[4] = VALUES[5]
    with torch.no_grad():
        assert torch.allclose(frames[1, 0, 5], vae.decode(code[None]).mean[0], atol=1e-6)
    assert not torch.allclose(frames[1, 0, 0], frames[1, 0, 7], atol=1e-3)


def test_a_sample_scatters_around_the_mean_and_follows_its_generator(vae, codes):
    mean, *samples = (
        traverse(vae, codes, [0], output=output, generator=torch.Generator().manual_seed(seed))
        for output, seed in (("mean", 0), ("sample", 1), ("sample", 1), ("sample", 2))
    )
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])
    assert not torch.allclose(samples[0], mean, atol=0.05)


def test_what_does_not_exist_is_refused(vae, codes):
    for latent in (6, -1):  # -1 would quietly be the last one
        with pytest.raises(ValueError, match="0 to 5"):
            traverse(vae, codes, [0, latent])
    with pytest.raises(ValueError, match="'mean' or 'sample'"):
        traverse(vae, codes, [0], output="median")


def test_active_latents_are_ordered_by_kl_and_never_none():
    assert active_latents(torch.tensor([0.04, 2.0, 0.05, 3.0])) == [3, 1, 2]
    assert active_latents(torch.tensor([0.01, 0.02])) == [1]


def test_figure_holds_a_block_a_latent_a_row_a_face_a_column_a_value(vae, codes):
    figure = traversal_figure(vae, codes, [2, 5, 0], columns=2)
    block_wide, block_high = 8 * 64, 2 * 64 + LABEL_HEIGHT
    assert figure.width == 2 * block_wide + 8 + 2 * MARGIN
    assert figure.height == 2 * block_high + 8 + 2 * MARGIN
    left, top = MARGIN + 8 * 64 + 8, MARGIN + LABEL_HEIGHT  # the second block: latent 5
    shown = np.asarray(figure.crop((left + 3 * 64, top + 64, left + 4 * 64, top + 128)))
    expected = traverse(vae, codes, [5])[1, 0, 3].permute(1, 2, 0).numpy() * 255
    assert np.abs(shown - expected).max() <= 0.51


def test_strip_lays_frames_side_by_side():
    frames = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)])
    picture = np.asarray(strip(frames))
    assert picture.shape == (64, 128, 3)
    assert picture[:, :64].max() == 0 and picture[:, 64:].min() == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_torchvisions(channels):
    from torchvision.utils import make_grid  # two seconds, else of every process

    frames = torch.rand(3, 5, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = to_picture(make_grid(frames.flatten(0, 1), nrow=5, padding=0))
    assert np.array_equal(grid(frames), expected)
