"""Steps on a GPU: nothing is read from it at each step, its pictures lie there, and what diverges
is found all the same. On this CPU the same code runs with the GPU's pace."""

from __future__ import annotations

import pytest
import torch
from small_runs import small_config
from torch.utils._python_dispatch import TorchDispatchMode

from betavae.training import checkpoints
from betavae.training.batches import OnDevice, free_memory, placed
from betavae.training.distributed import Processes
from betavae.training.run import READ_EVERY, Run, TrainingError


class Reads(TorchDispatchMode):
    """Counts what makes the host wait for a number: item(), bool(), float()."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(named or {}))


def new_run(folder, pictures, every, **changes) -> Run:
    run = Run(folder, small_config(steps=12, **changes), pictures, Processes())
    run.read_every = every
    return run


def test_reads_are_seen():
    with Reads() as reads:
        bool(torch.isfinite(torch.ones(())))
        torch.ones(()).item()
    assert reads.count == 2


@pytest.mark.parametrize(
    ("objective", "settings"),
    [
        ("vae", {}),
        ("beta-vae", {"beta": 4.0}),
        ("beta-tcvae", {"beta": 4.0}),
        ("factor-vae", {"gamma": 4.0}),
        ("dip-vae-i", {}),
        ("dip-vae-ii", {}),
        ("capacity", {}),
    ],
)
def test_a_step_reads_nothing_from_the_device(objective, settings, tmp_path, smooth_pictures):
    run = new_run(
        tmp_path, smooth_pictures(16), 100, objective=objective, objective_settings=settings
    )
    run.train_step()
    with Reads() as reads:
        for _ in range(3):
            run.train_step()
    assert reads.count == 0 and not run.recent
    run.read()
    assert len(run.recent) == 4


def test_how_often_it_is_read_changes_nothing(tmp_path, smooth_pictures):
    runs = [new_run(tmp_path, smooth_pictures(16), every) for every in (1, READ_EVERY)]
    for run in runs:
        for _ in range(5):
            run.train_step()
        run.read()
    one, other = runs
    assert one.recent == other.recent
    for name, weights in one.vae.state_dict().items():
        assert torch.equal(weights, other.vae.state_dict()[name]), name


@pytest.mark.parametrize("saved", [False, True])
def test_what_diverged_is_found_and_never_saved(saved, tmp_path, smooth_pictures):
    run = new_run(tmp_path, smooth_pictures(16), 4)
    run.train_step()
    run.save()
    with torch.no_grad():
        run.vae.decoder[0].weight.fill_(torch.nan)
    with pytest.raises(TrainingError, match="The loss is nan"):
        run.train_step()
        if saved:
            run.save()
        run.train_step()
        run.train_step()
    assert checkpoints.read(tmp_path)["step"] == 1


def test_pictures_that_lie_on_the_device_are_copied_once(smooth_pictures):
    data = smooth_pictures(16)
    there, which = OnDevice(data, torch.device("cpu")), torch.tensor([3, 0, 15])
    expected = data.batch(which).clone()
    data.batch = None  # it is not asked again
    assert torch.equal(there.batch(which), expected)


def test_pictures_lie_on_the_device_where_half_of_its_free_memory_holds_them(
    smooth_pictures, monkeypatch
):
    """Of a Mac's memory, which is shared, the rest of what it recommends is free."""
    data, mac = smooth_pictures(16), torch.device("mps")
    assert placed(data, torch.device("cpu")) is data
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 3 * data.images.nbytes)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: data.images.nbytes + 1)
    assert free_memory(mac) == 2 * data.images.nbytes - 1
    assert placed(data, mac) is data
    assert free_memory(torch.device("meta")) == 0  # it does not say
