"""Random forests that regress (Breiman, "Random Forests", 2001), quickly.

The model of scikit-learn's `RandomForestRegressor` with its defaults and its draws: each tree is
grown on as many pictures, drawn with replacement, and is split where the squared error falls most,
over all latents. That one sorts every node anew, in every tree. Here the pictures are sorted once
by each latent, and the parts of a node that is split stay in that order: the splits are the same.
"""

from __future__ import annotations

import numpy as np

TREES = 100
SEEDS = np.iinfo(np.int32).max


def random_forest(
    codes: np.ndarray, numbers: np.ndarray, others: np.ndarray, depth: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """How much each latent counts in telling a number, and what the trees say of `others`.

    codes (N, L), numbers (N,), others (M, L) -> importance (L,), which sums to one, or is 0 where
    nothing could be split; the predicted numbers (M,). A latent's importance in a tree is its
    splits' share in the fall of the squared error; the forest's is the mean over the trees.
    """
    columns, others = (np.ascontiguousarray(of.T, np.float32) for of in (codes, others))
    by_latent = np.argsort(columns, axis=1, kind="stable")
    draws = np.random.RandomState(seed)
    importance, predicted = np.zeros(len(columns)), np.zeros(others.shape[1])
    for _ in range(TREES):
        draw = np.random.RandomState(draws.randint(SEEDS))
        drawn = draw.randint(0, len(codes), len(codes), dtype=np.int32)
        times = np.bincount(drawn, minlength=len(codes)).astype(float)
        # The first of splits that are as good is taken: of another latent in each tree.
        latents = draw.permutation(len(columns))
        order = by_latent[latents]
        order = _chosen(order, (times > 0).take(order))
        tree = _Tree(columns, numbers * times, times, others)
        tree.grow(order, latents, np.arange(others.shape[1]), depth)
        fall = tree.falls.sum()
        importance += tree.falls / fall if fall > 0 else 0
        predicted += tree.predicted
    total = importance.sum()
    return importance / total if total > 0 else importance, predicted / TREES


class _Tree:
    """falls (L,): of the squared error, by each latent's splits; predicted (M,), for the others."""

    def __init__(
        self, columns: np.ndarray, sums: np.ndarray, times: np.ndarray, others: np.ndarray
    ):
        """columns (L, N), of codes; sums (N,) of a picture's number over its draws; times (N,), how
        often it was drawn; others (L, M), the codes of others."""
        self.columns, self.others = columns, others
        # As the parts of complex numbers they are added up at once.
        self.sums_and_times = sums + 1j * times
        self.left = np.empty(columns.shape[1], bool)
        self.falls, self.predicted = np.zeros(len(columns)), np.empty(others.shape[1])

    def grow(self, order: np.ndarray, latents: np.ndarray, others: np.ndarray, depth: int) -> None:
        """A node, with all below it, `depth` deep: of pictures in `order` (L, n), whose rows are
        sorted by each of `latents`, and of some others (places in them)."""
        drawn = self.sums_and_times[order[0]]
        total, count = drawn.real.sum(), drawn.imag.sum()
        self.predicted[others] = total / count
        found = self._best(order, latents, total / count, count) if depth else None
        if found is None:
            return
        row, last, fall = found
        latent, sorted_by_it = latents[row], order[row]
        self.falls[latent] += fall
        low, high = self.columns[latent, sorted_by_it[last : last + 2]].astype(float)
        self.left[sorted_by_it] = False
        self.left[sorted_by_it[: last + 1]] = True
        rows = order if depth > 1 else order[:1]  # a leaf's order is of no use
        left = self.left.take(rows)
        other_left = self.others[latent, others] <= low / 2 + high / 2
        for part, its in ((left, other_left), (~left, ~other_left)):
            self.grow(_chosen(rows, part), latents, others[its], depth - 1)

    def _best(
        self, order: np.ndarray, latents: np.ndarray, mean: float, count: float
    ) -> tuple[int, int, float] | None:
        """The split by which the squared error falls most: its row, the place of the last picture
        on the left, and by how much. None where all pictures are alike."""
        # With w of n pictures left, whose numbers differ from the mean by d in all, the error
        # falls by d²/w + d²/(n - w).
        if order.shape[1] == 1:
            return None
        behind = self.sums_and_times.take(order).cumsum(1)[:, :-1]
        times = behind.imag.copy()
        fall = behind.real - mean * times
        fall *= fall
        fall /= times * (count - times)
        row, last = np.unravel_index(fall.argmax(), fall.shape)
        if np.ptp(self.columns[latents[row], order[row, last : last + 2]]) == 0:
            # Pictures with the same code stay together; it is seldom that it matters.
            values = self.columns[latents[:, None], order]
            same = values[:, 1:] == values[:, :-1]
            if same.all():
                return None
            fall[same] = -1
            row, last = np.unravel_index(fall.argmax(), fall.shape)
        return row, last, fall[row, last] * count


def _chosen(order: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Those of `order` (L, n) that are in a part, as many in each row. Their places are looked up
    first: a mask as an index takes five times as long."""
    return order.ravel().take(np.flatnonzero(part)).reshape(len(order), -1)
