"""Several training processes, as `torchrun` starts them; with one process all of it is a no-op."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process's place among the `count` that share one global batch."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's rows of a global batch; all processes draw the same global batch."""
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def gather(self, share: Tensor) -> Tensor:
        """The global batch's rows of every process's `share`; a gradient reaches only one's own."""
        if self.count == 1:
            return share
        rows = [torch.empty_like(share) for _ in range(self.count)]
        dist.all_gather(rows, share.detach().contiguous())
        rows[self.rank] = share
        return torch.cat(rows)

    def average(self, value: Tensor) -> Tensor:
        """The mean of `value` over all processes."""
        if self.count > 1:
            dist.all_reduce(value)
            value /= self.count
        return value

    def in_parallel(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients a backward pass makes those of the global batch: messages of
        the later layers travel while the earlier ones are computed."""
        if self.count == 1:
            return module
        return DistributedDataParallel(module)

    def average_gradients(self, module: nn.Module) -> None:
        """Make every gradient that of the global batch, in one message; of what is not trained by
        one backward pass of `in_parallel`, as an objective's own network."""
        if self.count == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = self.average(torch.cat([g.flatten() for g in gradients]))
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """True in every process when it is true in one: nobody may leave the loop alone."""
        if self.count == 1:
            return flag
        return bool(self.average(torch.tensor(float(flag), device=self.device)) > 0)

    def first_says(self, number: int) -> int:
        """The first process's `number`, in every process."""
        if self.count == 1:
            return number
        said = torch.tensor(number, device=self.device)
        dist.broadcast(said, src=0)
        return int(said)

    def close(self) -> None:
        if self.count > 1:
            dist.destroy_process_group()


def under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def restarted() -> bool:
    """Whether torchrun has started this process again because it was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def join() -> Processes:
    """Join the group that torchrun announced in the environment, or be the only process.

    srun, mpirun and Kubeflow announce less. Raises ValueError, in one sentence, for what cannot be
    a group.
    """
    cuda = torch.cuda.is_available()
    count = _announced("WORLD_SIZE")
    if count in (None, 1):
        return Processes(device=torch.device("cuda" if cuda else "cpu"))
    rank = _announced("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if rank is None or missing:
        raise ValueError(
            f"WORLD_SIZE is {count}, but {', '.join(missing) or 'RANK'} is not set: start the "
            "processes with torchrun, or unset WORLD_SIZE to train in one."
        )
    if not 0 <= rank < count:
        raise ValueError(f"RANK is {rank}; it must be from 0 to {count - 1}, below WORLD_SIZE.")
    os.environ["RANK"] = str(rank)  # where init_process_group reads it
    local = _announced(
        "LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"
    )
    if local is None:  # as many processes on each machine as it has GPUs
        local = rank % max(1, torch.cuda.device_count())
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    backend = "nccl" if cuda else "gloo"
    if under_torchrun():
        store, *_ = next(dist.rendezvous("env://", rank, count))
        store = of_this_start(store, rank, count)
        dist.init_process_group(backend, store=store, rank=rank, world_size=count)
    else:
        dist.init_process_group(backend)
    return Processes(dist.get_rank(), count, device)


def of_this_start(store: dist.Store, rank: int, count: int) -> dist.Store:
    """The part of torchrun's store that only those processes know that were started together.

    torchrun keeps one store for all its starts, and PyTorch writes each start's addresses under the
    same keys: a process that is quicker than the others after a restart reads where they listened
    before they were lost, calls there, and all wait for half an hour. The number of restarts does
    not tell the starts apart, because each node counts its own. So the first process thinks of a
    name, and lets in who asks under that name; torchrun has ended the earlier processes by then, so
    that nobody answers under an earlier name.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        store.set("betavae/start", own)
        for other in range(1, count):
            asked = store.get(f"betavae/{own}/{other}").decode()
            store.set(f"betavae/{own}/{asked}", "come in")
        return dist.PrefixStore(own, store)
    while True:  # should the first process be lost meanwhile, torchrun starts this one again, too
        name = store.get("betavae/start").decode()
        store.set(f"betavae/{name}/{rank}", own)
        if store.check([f"betavae/{name}/{own}"]):
            return dist.PrefixStore(name, store)
        time.sleep(0.05)


def _announced(*names: str) -> int | None:
    """The first of these environment variables that is set and not empty, as a number."""
    for name in names:
        text = os.environ.get(name, "").strip()
        if text:
            try:
                return int(text)
            except ValueError:
                raise ValueError(f"{name} is {text!r}; it must be a whole number.") from None
    return None
