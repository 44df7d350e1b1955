"""A run: its folder, and all the state that the next step depends on."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from betavae.machine.version import code_version
from betavae.model import VAE, MultiRateVAE
from betavae.objectives import OBJECTIVES, Objective
from betavae.objectives.every_beta import draw_betas
from betavae.training import checkpoints, growth, turning
from betavae.training.batches import (
    Order,
    looks,
    pictures,
    placed,
    refuse_batches,
    refuse_other_data,
)
from betavae.training.config import (
    BETAS_A_STEP,
    OPTIMISERS,
    WIDENING,
    TrainingConfig,
    learning_rate,
)
from betavae.training.distributed import Processes
from betavae.training.drawing import continue_drawing, device_generator, drawing
from betavae.training.failures import TrainingError, diverged
from betavae.training.history import write_history
from betavae.training.precision import fastest_setting
from betavae.training.recording import Recorder
from betavae.training.step import gradients

READ_EVERY = 50  # steps, on a GPU


class Run:
    """A run folder and all the state that the next step depends on."""

    def __init__(self, folder: Path, config: TrainingConfig, data, processes: Processes):
        refuse_batches(config.batch_size, data, processes)
        self.placed = placed(data, processes.device)
        where = processes.device if self.placed is not data else torch.device("cpu")
        self.order = Order(len(data), config.batch_size, config.seed, where)
        self.folder, self.data, self.processes = folder, data, processes
        torch.manual_seed(config.seed)
        self.vae = new_model(config)
        if config.growth or config.falling:
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
        self.parallel = processes.in_parallel(self.vae)
        self.optimiser = OPTIMISERS[config.optimiser](
            self.vae.parameters(), config.learning_rate, fused=True
        )
        self.recorder = self._recorder()
        self._hold_rate()
        self.generator = torch.Generator().manual_seed(config.seed)  # fresh weights
        self.drawing = drawing(self.generator, processes.device)  # flips, noise
        self.step, self.seconds = 0, 0.0
        self.closed: list[int] = []  # latents that tell nothing for good
        self.history: list[dict[str, float]] = []
        self.recent: list[dict[str, float]] = []  # the terms of each step since the last row
        # What is still to be read and checked, (4,) a step: each read would stop a GPU's queue.
        self.unread: list[Tensor] = []
        self.read_every = 1 if processes.device.type == "cpu" else READ_EVERY
        self.code_version = code_version()

    def save(self) -> None:
        """The checkpoint and history.csv, atomically; raises CheckpointError.

        Weights that cannot be trained on would replace ones that can: TrainingError instead.
        """
        self.read(alone=True)  # the others do not save
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.vae.state_dict().values()):
            raise self._diverged("The weights are not finite")
        state = {
            "config": asdict(self.config),
            "pictures": len(self.data),
            "looks": looks(self.data),
            "vae": self.vae.state_dict(),
            "polar": getattr(self.vae, "polar", None),
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "drawing": self.drawing.get_state(),
            "global_generator": torch.get_rng_state(),
            "device_generator": device_generator(self.processes.device),
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
        if state.get("polar"):  # earlier checkpoints do not say
            self.vae.make_polar(state["polar"])
        self.vae.load_state_dict(state["vae"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._hold_rate()
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        continue_drawing(self, state)
        self.step, self.seconds = state["step"], state["seconds"]
        self.history, self.recent = state["history"], state["recent"]
        self.closed = state.get("closed", [])  # earlier checkpoints do not say

    @classmethod
    def resume(cls, folder: Path, data, processes: Processes) -> Run:
        """The run as it was after the checkpoint's last step."""
        state = checkpoints.read(folder)
        with checkpoints.unpacking(folder):
            config = TrainingConfig(**state["config"])
        refuse_other_data(folder, state, data)
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
        order = self.order.batch(self.step)
        drawn = {"generator": self.drawing, "device": self.drawing.device}
        flip = torch.rand(size, **drawn) < 0.5
        noise = torch.randn(size, config.latents, **drawn)
        order, flip, noise = (self.processes.share(t) for t in (order, flip, noise))
        flip = flip.to(order.device) if config.flips else None
        images = pictures(self.placed, order, flip)
        images = images.to(self.processes.device, non_blocking=True).float() / 255
        return images.contiguous(memory_format=self.setting.layout), noise.to(images.device)

    @property
    def shown(self) -> VAE:
        """What is looked at while it trains: the VAE, or that of one β."""
        return self.vae.at() if isinstance(self.vae, MultiRateVAE) else self.vae

    def learning_rate(self, step: int) -> float:
        return learning_rate(self.config, step)

    def _hold_rate(self) -> None:
        """Where steps are recorded the learning rate lies in a tensor that they read."""
        for group in self.optimiser.param_groups:
            group["capturable"] = self.recorder is not None
            group["lr"] = float(group["lr"])
            if self.recorder is not None:
                group["lr"] = torch.tensor(group["lr"], device=self.processes.device)

    def _set_rate(self) -> None:
        rate = self.learning_rate(self.step)
        for group in self.optimiser.param_groups:
            if self.recorder is not None:
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def train_step(self) -> None:
        """One step of gradient descent; the batch's terms, in nats, are added to `recent`."""
        images, noise = self.batch()
        betas, pressure = self._betas(), growth.kl_weight(self.config, self.step)
        self._set_rate()
        if self.recorder is None:
            told = gradients(self, images, noise, betas, pressure)
        else:
            told = self.recorder(images, noise, self._told(betas), self._told(pressure))
        self.unread.append(told[:4])
        if (self.step + 1) % self.read_every == 0:  # the same steps in every process
            self.read()
        if self.recorder is None:
            self.optimiser.step()
        with self.setting.autocast(self.processes.device):
            self.objective.after_step(self.processes.average_gradients)
        self.step += 1
        starts = self.config.fresh_starts
        if self.step in starts:
            kl_of_all, most = self.processes.average(told[4:].clone()), starts[self.step]
            self.closed = growth.start_afresh(self.vae, kl_of_all, self.generator, most)
        if self.closed:
            growth.close(self.vae, self.closed)
        if self.step == self.config.polar:
            turning.turn(self)
            self.recorder = self._recorder()  # what was recorded knows no angle

    def read(self, alone: bool = False) -> None:
        """Bring what the last steps computed to `recent`; raises TrainingError if one diverged.

        On a CPU each step is checked before its weights move. A GPU's weights may have moved for
        some steps by then, but they are neither shown nor saved before.
        """
        rows = torch.stack(self.unread).tolist() if self.unread else []
        self.unread.clear()
        # Adam squares it: past float32's range its second moment is infinite and nothing moves.
        bad = [not math.isfinite(loss) or not norm < 1e18 for _, _, loss, norm in rows]
        if any(bad) if alone else self.processes.any(any(bad)):
            if not any(bad):
                raise self._diverged("The loss of another process is not finite")
            *_, loss, norm = rows[bad.index(True)]
            if math.isfinite(loss):
                raise self._diverged(f"The gradient's norm is {norm:.1e}")
            raise self._diverged(f"The loss is {loss}")
        self.recent += [{"reconstruction": row[0], "kl": row[1]} for row in rows]

    def _recorder(self) -> Recorder | None:
        """Of steps that differ in what lies in tensors alone, on a GPU; None elsewhere."""
        on_gpu = self.processes.device.type == "cuda" and self.processes.count == 1
        if on_gpu and self.objective.recordable and self.config.optimiser == "adam":
            return Recorder(self._gradients_and_move, self.processes.device)
        return None

    def _gradients_and_move(self, *inputs: Tensor | None) -> Tensor:
        told = gradients(self, *inputs)
        self.optimiser.step()
        return told

    def _told(self, number: float | list[float] | None) -> Tensor | None:
        device = self.processes.device
        return None if number is None else torch.tensor(number).to(device, non_blocking=True)

    def _betas(self) -> list[float] | None:
        """Of a model of every β, those of this step."""
        if not self.config.betas:
            return None
        share = min(1.0, (self.step + 1) / (WIDENING * self.config.steps))
        return draw_betas(self.config.betas, BETAS_A_STEP, self.generator, share)

    def _diverged(self, what: str) -> TrainingError:
        return diverged(what, self.folder, self.step)


def new_model(config: TrainingConfig, polar: tuple[int, int] | None = None) -> VAE | MultiRateVAE:
    """Of one β, or of every one between two; with the pair of latents that is `polar` by now."""
    kind = (config.architecture, config.channels, config.latents, config.likelihood)
    if not config.betas:
        return VAE(*kind, polar)
    return MultiRateVAE(*kind, config.betas, config.shown_beta)
