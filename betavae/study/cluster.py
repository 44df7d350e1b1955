"""A Dask cluster as the executor of a grid; `dask.distributed` is needed only for that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from betavae.errors import reason

RETRIES = 5  # of a run whose worker is lost; it goes on from its checkpoint
SECONDS = 20  # until a scheduler that does not answer is given up


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message is one sentence."""


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """An executor of the cluster whose scheduler is at `address`, such as tcp://10.0.0.1:8786.

    Its workers must see the same folders under the same names.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError("--scheduler needs Dask: pip install distributed") from error
    try:
        client = Client(address, timeout=SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(f"No Dask scheduler answers at {address}: {reason(error)}.") from error
    with client, client.get_executor(pure=False, retries=RETRIES) as executor:
        yield executor
