"""The training loop: -log p(x|z) plus a regulariser, warm-up, checkpoints and exact resume."""

from __future__ import annotations

import signal
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from betavae.machine.allocator import keep_freed_blocks
from betavae.machine.version import code_version
from betavae.model import VAE, Posterior
from betavae.objectives import OBJECTIVES, Objective
from betavae.training import checkpoints, growth
from betavae.training.config import OPTIMISERS, TrainingConfig, config_from, learning_rate
from betavae.training.distributed import Processes
from betavae.training.monitor import Pace, figures, history_row, save_picture, write_history
from betavae.training.precision import Setting, fastest_setting


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message names the step and what is left."""


class Run:
    """A run folder and all the state that the next step depends on."""

    def __init__(self, folder: Path, config: TrainingConfig, data, processes: Processes):
        if len(data) < config.batch_size:
            raise TrainingError(
                f"{len(data)} pictures are too few for batches of {config.batch_size}."
            )
        if config.batch_size % processes.count:
            raise TrainingError(
                f"A batch of {config.batch_size} cannot be shared by {processes.count} processes."
            )
        self.folder, self.data, self.processes = folder, data, processes
        torch.manual_seed(config.seed)
        self.vae = VAE(config.architecture, config.channels, config.latents, config.likelihood)
        if config.growth:
            shown = data.batch(torch.arange(min(len(data), 256))) / 255
            growth.prepare(self.vae, shown, torch.Generator().manual_seed(config.seed))
        self.objective: Objective = OBJECTIVES[config.objective](
            dataset_size=len(data), latents=config.latents, **config.objective_settings
        )
        self.setting = fastest_setting(
            self.vae, config.batch_size, processes, config.precision, config.memory_format
        )
        # What was measured replaces "auto": a resumed run must not measure again and differ.
        self.config = TrainingConfig(**{**asdict(config), **asdict(self.setting)})
        self.vae.to(processes.device, memory_format=self.setting.layout).train()
        self.objective.to(processes.device).train()
        self.optimiser = OPTIMISERS[config.optimiser](
            self.vae.parameters(), config.learning_rate, fused=True
        )
        self.generator = torch.Generator().manual_seed(config.seed)  # flips, noise, fresh weights
        self.step, self.seconds = 0, 0.0
        self.closed: list[int] = []  # latents that tell nothing for good
        self.history: list[dict[str, float]] = []
        self.recent: list[dict[str, float]] = []  # the terms of each step since the last row
        self.code_version = code_version()

    def save(self) -> None:
        """The checkpoint and history.csv, atomically; raises CheckpointError.

        Weights that cannot be trained on would replace ones that can: TrainingError instead.
        """
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.vae.state_dict().values()):
            raise self._diverged("The weights are not finite")
        state = {
            "config": asdict(self.config),
            "pictures": len(self.data),
            "vae": self.vae.state_dict(),
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "global_generator": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "closed": self.closed,
            "history": self.history,
            "recent": self.recent,
            "code_version": self.code_version,
        }
        checkpoints.write(self.folder, state)
        if self.history:
            write_history(self.folder / "history.csv", self.history)

    def _restore(self, state: dict[str, Any]) -> None:
        """The opposite of `save`; raises what a state that does not fit makes it raise."""
        self.vae.load_state_dict(state["vae"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.history, self.recent = state["history"], state["recent"]
        self.closed = state.get("closed", [])  # earlier checkpoints do not say

    @classmethod
    def resume(cls, folder: Path, data, processes: Processes) -> Run:
        """The run as it was after the checkpoint's last step."""
        state = checkpoints.read(folder)
        with checkpoints.unpacking(folder):
            config = TrainingConfig(**state["config"])
            pictures = state.get("pictures", len(data))  # earlier checkpoints do not say
        if pictures != len(data):
            raise TrainingError(
                f"{folder} was trained on {pictures} pictures, not {len(data)}: a resumed run "
                "keeps its data; give it those, or start again in another folder."
            )
        run = cls(folder, config, data, processes)
        with checkpoints.unpacking(folder):
            run._restore(state)
        return run

    def batch(self) -> tuple[Tensor, Tensor]:
        """This process's pictures and latent noise for the current step.

        Every process draws the global batch and takes its share, so that two processes compute
        what one would; the order of an epoch follows from the seed and the step alone.
        """
        config, size = self.config, self.config.batch_size
        epoch, position = divmod(self.step, len(self.data) // size)
        order = self._order(epoch)[position * size : (position + 1) * size]
        flip = torch.rand(size, generator=self.generator) < 0.5
        noise = torch.randn(size, config.latents, generator=self.generator)
        order, flip, noise = (self.processes.share(t) for t in (order, flip, noise))
        images = self.data.batch(order)
        if config.flips:
            images = torch.where(flip[:, None, None, None], images.flip(-1), images)
        images = images.to(self.processes.device, non_blocking=True).float() / 255
        return images.contiguous(memory_format=self.setting.layout), noise.to(images.device)

    def _order(self, epoch: int) -> Tensor:
        if getattr(self, "_epoch", None) != epoch:
            seeded = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
            self._epoch, self._permutation = epoch, torch.randperm(len(self.data), generator=seeded)
        return self._permutation

    def learning_rate(self, step: int) -> float:
        return learning_rate(self.config, step)

    def train_step(self) -> None:
        """One step of gradient descent; the batch's terms, in nats, are added to `recent`."""
        images, noise = self.batch()
        with self.setting.autocast(self.processes.device):
            posterior = self.vae.encode(images)
            z = posterior.reparameterise(noise)
            likelihood = self.vae.decode(z)
        likelihood = self.vae.likelihood.fit(likelihood, images, self.processes.average)
        reconstruction = -likelihood.log_prob(images).mean()
        with self.setting.autocast(self.processes.device):
            loss = reconstruction + self._regulariser(posterior, z)
        if self.processes.any(not bool(torch.isfinite(loss))):
            raise self._diverged(f"The loss is {loss.item()}")
        self.optimiser.zero_grad()
        loss.backward()
        self.processes.average_gradients(self.vae)
        # Adam squares it: past float32's range its second moment is infinite and nothing moves.
        gradients = [p.grad for p in self.vae.parameters() if p.grad is not None]
        # (The norm, not the largest entry: PyTorch takes 7 % of a step on this for the latter.)
        norm = torch.nn.utils.get_total_norm(gradients)
        if not bool(norm < 1e18):
            raise self._diverged(f"The gradient's norm is {norm.item():.1e}")
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(self.step)
        self.optimiser.step()
        with self.setting.autocast(self.processes.device):
            self.objective.after_step(self.processes.average_gradients)
        self.step += 1
        kl = posterior.kl().detach().mean(0)
        starts = self.config.fresh_starts
        if self.step in starts:
            kl_of_all, most = self.processes.average(kl.clone()), starts[self.step]
            self.closed = growth.start_afresh(self.vae, kl_of_all, self.generator, most)
        if self.closed:
            growth.close(self.vae, self.closed)
        self.recent.append({"reconstruction": reconstruction.item(), "kl": kl.sum().item()})

    def _regulariser(self, posterior: Posterior, z: Tensor) -> Tensor:
        """The objective of the global batch, or KL alone while the code grows.

        Most objectives are no mean over the batch's pictures.

        Each process has the whole value, but its gradient only by way of its own pictures; that
        gradients are averaged, not added, over processes is made up for here.
        """
        beta = growth.kl_weight(self.config, self.step)
        if beta is not None:
            return beta * posterior.kl().sum(1).mean()
        mean, log_variance, z = map(
            self.processes.gather, (posterior.mean, posterior.log_variance, z)
        )
        value = self.objective(Posterior(mean, log_variance), z, self.step)
        return self.processes.count * value

    def _diverged(self, what: str) -> TrainingError:
        """What happened, where the last checkpoint is if there is one, and what to do.

        To resume is no way out: a resumed run keeps the settings that it diverged with.
        """
        saved = checkpoints.saved_step(self.folder)
        if saved is None:
            kept, where = "there is no checkpoint", "again"
        else:
            kept = f"the last checkpoint is {self.folder / checkpoints.NAME}, of step {saved}"
            where = "again in another folder"
        return TrainingError(
            f"{what} at step {self.step}, and {kept}: start {where} with a smaller --learning-rate "
            "or a longer --warm-up."
        )


def train(run: Run, validation, pace: Pace | None = None) -> None:
    """Train `run` to its last step. Ctrl-C and SIGTERM save and return with a message.

    A checkpoint that cannot be written in between is a warning, and is tried again later; at the
    end it is an error.
    """
    pace = pace or Pace()
    keep_freed_blocks()
    stop = _StopRequest()
    last_save = last_picture = time.monotonic()
    bar = tqdm(
        total=run.config.steps,
        initial=run.step,
        desc=run.folder.name,
        unit="step",
        disable=not (pace.progress and run.processes.first),
    )
    with stop, bar:
        while run.step < run.config.steps and not run.processes.any(stop.requested):
            began = time.perf_counter()
            run.train_step()
            run.seconds += time.perf_counter() - began
            bar.update()
            if run.step % 10 == 0:
                bar.set_postfix(figures(run), refresh=False)
            if run.step % pace.history_steps == 0 or run.step == run.config.steps:
                run.history.append(history_row(run, validation))
                run.recent.clear()
            if not run.processes.first:
                continue
            if time.monotonic() - last_save > pace.checkpoint_seconds:
                _save_or_warn(run)
                last_save = time.monotonic()
            if time.monotonic() - last_picture > pace.picture_seconds:
                save_picture(run, validation)
                last_picture = time.monotonic()
    if run.processes.first:
        run.save()
        save_picture(run, validation)
        if stop.requested and run.step < run.config.steps:
            print(f"Stopped after step {run.step}; go on with --resume ({run.folder})")


class _StopRequest:
    """Turns Ctrl-C and SIGTERM into a flag, so that the step in hand is finished and saved."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.requested = False

    def __enter__(self):
        self._before = {s: signal.signal(s, self._on_signal) for s in self.SIGNALS}
        return self

    def _on_signal(self, number, frame):
        self.requested = True

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _save_or_warn(run: Run) -> None:
    try:
        run.save()
    except (checkpoints.CheckpointError, OSError) as error:
        warnings.warn(f"Training goes on unsaved at step {run.step}: {error}", stacklevel=2)


__all__ = [
    "OPTIMISERS",
    "Pace",
    "Run",
    "Setting",
    "TrainingConfig",
    "TrainingError",
    "config_from",
    "learning_rate",
    "train",
]
