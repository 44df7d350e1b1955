"""A renderer's run: its folder, and all the state that the next step depends on."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from betavae.machine.version import code_version
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.model import VAE
from betavae.renderer import Discriminator, Renderer, terms
from betavae.renderer.loading import vae_digest
from betavae.renderer.renderer import KNOWN
from betavae.training import checkpoints
from betavae.training.batches import (
    Order,
    looks,
    placed,
    refuse_batches,
    refuse_other_data,
)
from betavae.training.distributed import Processes
from betavae.training.drawing import continue_drawing, device_generator, drawing
from betavae.training.failures import TrainingError, diverged
from betavae.training.history import write_history
from betavae.training.precision import fastest_setting
from betavae.training.sharpen import PENALISED, SharpenConfig, averaging, learning_rate
from betavae.training.sharpen_batch import draw_batch
from betavae.training.sharpen_losses import losses, penalty

MEASURED = 4096  # training pictures whose codes say how wide each latent varies
LONGEST = 20.0  # a gradient that is longer is cut to this
READ_EVERY = 50  # steps, on a GPU


class SharpenRun:
    """A run folder and all the state that the next step depends on."""

    def __init__(
        self,
        folder: Path,
        config: SharpenConfig,
        vae: VAE,
        data,
        processes: Processes,
        start: dict[str, Any] | None = None,
    ):
        """start  see `starting_weights`"""
        refuse_batches(config.batch_size, data, processes)
        if (config.batch_size // processes.count) % 2:
            raise TrainingError(
                f"A batch of {config.batch_size} gives each of {processes.count} processes an odd "
                "number of pictures; it must be even."
            )
        self.folder, self.data, self.processes = folder, data, processes
        self.placed = placed(data, processes.device)
        where = processes.device if self.placed is not data else torch.device("cpu")
        self.order = Order(len(data), config.batch_size, config.seed, where)
        torch.manual_seed(config.seed)
        self.renderer = Renderer(vae, config.channels)
        self.discriminator = Discriminator(config.judges_channels)
        start = start or {}
        self.earlier: list[dict[str, Any]] = start.get("earlier", [])
        if "renderer" in start:
            self.renderer.load_own_state(start["renderer"])
        if "discriminator" in start:
            self.discriminator.load_state_dict(start["discriminator"])
        self.setting = fastest_setting(
            _Measured(self.renderer),
            config.batch_size,
            processes,
            config.precision,
            config.memory_format,
            lambda model, images: model(images),
        )
        # What was measured replaces "auto": a resumed run must not measure again and differ.
        self.config = SharpenConfig(**{**asdict(config), **asdict(self.setting)})
        for network in (self.renderer, self.discriminator):
            network.to(processes.device, memory_format=self.setting.layout)
        self.average = copy.deepcopy(self.renderer).requires_grad_(False).eval()
        self.optimiser, self.judges_optimiser = (
            torch.optim.Adam(parameters, config.learning_rate, (0.5, 0.99), fused=True)
            for parameters in (self.renderer.own_parameters(), self.discriminator.parameters())
        )
        self.active, self.deviation = self._active_latents()
        self.generator = torch.Generator().manual_seed(config.seed)  # how pictures are shifted
        self.drawing = drawing(self.generator, processes.device)  # all else that is random
        self.step, self.seconds = 0, 0.0
        self.history: list[dict[str, float]] = []
        self.recent: list[dict[str, float]] = []  # the terms of each step since the last row
        # What is still to be read and checked, by step: each read would stop a GPU's queue.
        self.unread: list[dict[str, Tensor]] = []
        self.read_every = 1 if processes.device.type == "cpu" else READ_EVERY
        self.code_version = code_version()

    @torch.no_grad()
    def _active_latents(self) -> tuple[Tensor, Tensor]:
        """Which latents tell something, and the standard deviation of their posterior means."""
        means, divergences = [], []
        for indices in torch.arange(min(len(self.data), MEASURED)).split(64):
            images = self.data.batch(indices).to(self.processes.device).float() / 255
            posterior = self.renderer.vae.encode(images)
            means.append(posterior.mean)
            divergences.append(posterior.kl())
        kl = torch.cat(divergences).mean(0)
        active = (kl >= ACTIVE_NATS).nonzero().flatten()
        active = active if len(active) else kl.argmax()[None]
        return active, torch.cat(means).std(0, unbiased=False)[active].clamp_min(1e-6)

    def remember(self) -> None:
        """Let the moving average draw from the details that it finds in training pictures now."""
        seeded = torch.Generator().manual_seed(self.config.seed)
        chosen = torch.randperm(len(self.data), generator=seeded)[:KNOWN]
        images = self.data.batch(chosen).to(self.processes.device).float() / 255
        self.average.remember(images)

    # ---- the folder ----

    def save(self) -> None:
        """The checkpoint and history.csv, atomically; raises CheckpointError.

        Weights that cannot be trained on would replace ones that can: TrainingError instead.
        """
        self.read(alone=True)  # the others do not save
        tensors = [*self.renderer.own_state().values(), *self.discriminator.state_dict().values()]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            raise diverged("The weights are not finite", self.folder, self.step)
        self.remember()
        state = {
            "kind": "renderer",
            "config": asdict(self.config),
            "vae_sha256": vae_digest(self.renderer.vae),
            "pictures": len(self.data),
            "looks": looks(self.data),
            "renderer": self.renderer.own_state(),
            "average": self.average.own_state(),
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "judges_optimiser": self.judges_optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "drawing": self.drawing.get_state(),
            "device_generator": device_generator(self.processes.device),
            "global_generator": torch.get_rng_state(),
            "earlier": self.earlier,
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "recent": self.recent,
            "code_version": self.code_version,
        }
        checkpoints.write(self.folder, state)
        if self.history:
            write_history(self.folder / "history.csv", self.history)

    def _restore(self, state: dict[str, Any]) -> None:
        """The opposite of `save`; raises what a state that does not fit makes it raise."""
        self.renderer.load_own_state(state["renderer"])
        self.average.load_own_state(state["average"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.judges_optimiser.load_state_dict(state["judges_optimiser"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        continue_drawing(self, state)
        self.step, self.seconds = state["step"], state["seconds"]
        self.history, self.recent = state["history"], state["recent"]
        self.earlier = state.get("earlier", [])

    @classmethod
    def resume(cls, folder: Path, vae: VAE, data, processes: Processes) -> SharpenRun:
        """The run as it was after the checkpoint's last step."""
        state = checkpoints.read(folder)
        with checkpoints.unpacking(folder):
            config, trained_on = SharpenConfig(**state["config"]), state["vae_sha256"]
        if trained_on != vae_digest(vae):
            raise TrainingError(
                f"{folder} is a renderer's run for other weights of the VAE: a resumed run keeps "
                "its bundle; name that one, or start again in another folder."
            )
        refuse_other_data(folder, state, data)
        run = cls(folder, config, vae, data, processes)
        with checkpoints.unpacking(folder):
            run._restore(state)
        return run

    # ---- a step ----

    def learning_rate(self, step: int) -> float:
        return learning_rate(self.config, step)

    def train_step(self) -> None:
        """One step of the renderer and, from `alone` on, of its discriminator; the batch's terms
        are added to `recent`."""
        config, renderer = self.config, self.renderer
        judged = self.step >= config.alone
        batch = draw_batch(self)
        found, loss, judge, kl = losses(self, batch, judged)
        if judged:
            found["judge"] = judge
            parameters = list(self.discriminator.parameters())
            gradients = torch.autograd.grad(judge, parameters, retain_graph=True)
            if config.penalty and self.step % PENALISED == 0:
                steep = penalty(self, batch)
                more = torch.autograd.grad(steep, parameters, allow_unused=True)
                gradients = [
                    g if m is None else g + m for g, m in zip(gradients, more, strict=True)
                ]
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        parameters = renderer.own_parameters()
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(loss, parameters), strict=True
        ):
            parameter.grad = gradient
        if judged:  # both saw the same discriminator; only now does it move
            found["judge_norm"] = self._prepared(self.discriminator)
        found["norm"] = self._prepared(renderer)
        found |= {"loss": loss, "kl": kl.mean()}
        self.unread.append({name: term.detach().float() for name, term in found.items()})
        if (self.step + 1) % self.read_every == 0:  # the same steps in every process
            self.read()
        if judged:
            self._descend(self.judges_optimiser, config.judges_rate)
        self._descend(self.optimiser)
        self._average_weights()
        self.step += 1

    def read(self, alone: bool = False) -> None:
        """Bring what the last steps computed to `recent`; raises TrainingError if one diverged.

        On a CPU each step is checked before its weights move; see `Run.read`.
        """
        rows = [
            dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
            for found in self.unread
        ]
        self.unread.clear()
        told = next(filter(None, map(_what_diverged, rows)), "")
        if bool(told) if alone else self.processes.any(bool(told)):
            raise diverged(
                told or "The loss of another process is not finite", self.folder, self.step
            )
        unseen = ("loss", "norm", "judge_norm")
        self.recent += [{k: v for k, v in row.items() if k not in unseen} for row in rows]

    def _prepared(self, network: nn.Module) -> Tensor:
        """The norm of its gradients, which are averaged over processes and cut where too long."""
        self.processes.average_gradients(network)
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        torch._foreach_mul_(gradients, (LONGEST / norm).clamp(max=1.0))
        return norm

    def _descend(self, optimiser: torch.optim.Optimizer, times: float = 1.0) -> None:
        for group in optimiser.param_groups:
            group["lr"] = times * self.learning_rate(self.step)
        optimiser.step()

    @torch.no_grad()
    def _average_weights(self) -> None:
        rest = 1 - averaging(self.config, self.step)
        torch._foreach_lerp_(self.average.own_parameters(), self.renderer.own_parameters(), rest)


def _what_diverged(row: dict[str, float]) -> str:
    """What of a step cannot be trained on, or ""."""
    if not math.isfinite(row["loss"]):
        return f"The loss is {row['loss']}"
    # Adam squares it: past float32's range its second moment is infinite and nothing moves.
    far = [row[name] for name in ("norm", "judge_norm") if not row.get(name, 0.0) < 1e18]
    return f"The gradient's norm is {far[0]:.1e}" if far else ""


class _Measured(nn.Module):
    """What the speed of a setting is measured on: drawing with the picture's own details."""

    channels = 3

    def __init__(self, renderer: Renderer):
        super().__init__()
        self.renderer = renderer

    def forward(self, images: Tensor) -> Tensor:
        details = self.renderer.read(images, images).mean
        return terms.reconstruction(self.renderer.paint(images, details), images)
