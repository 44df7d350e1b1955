"""Gradient-boosted trees that classify (Friedman, "Greedy Function Approximation", 2001), quickly.

The model of scikit-learn's `GradientBoostingClassifier` with its defaults, which is
disentanglement_lib's for DCI: 100 rounds at a rate of 0.1, and in each round, for every class, a
tree of depth 3 that is split where the unweighted squared error of the residuals falls most. That
one sorts every node anew, in every tree, and takes minutes where the classes are many. Here the
values are sorted once, the trees of a round grow together, and of a latent only those stretches are
looked at picture by picture that could hold a better split than the best between stretches: the
splits are the same.

`HistGradientBoostingClassifier` is another model: it splits by second-order gains, G²/H, and only
between 255 bins. DCI asks how trees weigh latents that say little, and there both tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDS, RATE, DEPTH = 100, 0.1, 3
STRETCHES, PICTURES = 96, 32  # a latent's are cut into at most so many, of at least so many
LOOKED_AT = 4  # stretches of a node, before all others that could be better than those
CELLS = 4_000_000  # numbers in an array of sums: 32 MB
ALIKE = 1e-9  # scores that differ by less, as shares, are taken for the same
NEVER = np.iinfo(np.int32).max  # no place lies beyond it: all pictures of a node go left


def boosted_trees(
    codes: np.ndarray, values: np.ndarray, others: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """How much each latent counts in telling a factor's value, and what the trees say of `others`.

    codes (N, L), values (N,) integers, others (M, L) -> importance (L,), which sums to one, or is 0
    where nothing could be split; the predicted values (M,).
    Importance is the share of a latent's splits in the fall of the squared error by all trees. Of
    splits that are as good, as those are that cut off one picture, the generator takes one.
    """
    classes, numbers = np.unique(values, return_inverse=True)
    importance = np.zeros(codes.shape[1])
    if len(classes) == 1:
        return importance, np.full(len(others), classes[0])
    first = 1 if len(classes) == 2 else 0  # one tree a round tells two classes apart
    scale = RATE * (1 if first else (len(classes) - 1) / len(classes))
    latents = Sorted(codes)
    places = latents.places_of(others)
    target = (numbers == np.arange(len(classes))[:, None]).astype(float)
    raw, raw_of_others = (
        np.tile(np.log(target.mean(1))[:, None], len(array)) for array in (codes, others)
    )
    # Trees that are grown together.
    wide = max(1, CELLS // (3 * latents.stretches * codes.shape[1]))
    blocks = [slice(start, start + wide) for start in range(0, len(classes) - first, wide)]
    members = [np.nonzero(target[first:][trees].T) for trees in blocks]
    for _ in range(ROUNDS):
        chance = _softmax(raw)[first:]
        residual = target[first:] - chance
        for trees, own in zip(blocks, members, strict=True):
            splits, leaves = _grow(latents, residual[trees], own, generator)
            for split in splits:
                np.add.at(importance, split.latent, split.gain)
            steps = scale * _newton(residual[trees], chance[trees], leaves)
            raw[first:][trees] += np.take_along_axis(steps, leaves, axis=1)
            leaves = _leaves(places, splits)
            raw_of_others[first:][trees] += np.take_along_axis(steps, leaves, axis=1)
    total = importance.sum()
    return importance / total if total > 0 else importance, classes[raw_of_others.argmax(0)]


class Sorted:
    """The pictures in the order of each latent, cut into stretches between different values.

    places (L, N)  of each picture's value among the latent's different values
    order (L, N)   pictures by value; last (L, N) tells where the next one has another value
    start (L, S + 1)  where in the order each stretch begins; end, the place where it ends
    """

    def __init__(self, codes: np.ndarray):
        from scipy.sparse import csc_matrix

        rows, pictures = np.arange(codes.shape[1])[:, None], len(codes)
        found = [np.unique(column, return_inverse=True) for column in codes.T]
        self._middles = [values[:-1] / 2 + values[1:] / 2 for values, _ in found]
        self.places = np.stack([place for _, place in found]).astype(np.int32)
        self.order = np.argsort(self.places, axis=1, kind="stable")
        ordered = np.take_along_axis(self.places, self.order, axis=1)
        self.last = np.diff(ordered, axis=1, append=NEVER) > 0
        count = self.stretches = int(np.clip(pictures // PICTURES, 1, STRETCHES))
        equal = np.stack([np.searchsorted(row, row) for row in ordered])  # values stay together
        stretch = equal * count // pictures
        self.start = np.stack([np.searchsorted(row, np.arange(count + 1)) for row in stretch])
        self.end = ordered[rows, np.maximum(self.start[:, 1:] - 1, 0)]
        first = ordered[rows, np.minimum(self.start[:, :-1], pictures - 1)]
        self.mixed = self.end > first  # stretches of several values; others need no second look
        self._cells = np.empty_like(stretch)
        np.put_along_axis(self._cells, self.order, stretch + count * rows, axis=1)
        starts = np.arange(pictures + 1) * len(rows)
        shape = (count * len(rows), pictures)
        hits = (np.ones(self._cells.size), self._cells.T.ravel(), starts)
        self._hits = csc_matrix(hits, shape)
        self._hits_single = self._hits.astype(np.float32)  # counts are exact in it, too

    def sums(self, residual: np.ndarray, inside: np.ndarray, members) -> np.ndarray:
        """(L, S, 3, K): over every stretch, of what is inside of a node, the sum of residuals
        (N, K), of those that are positive, and the number of pictures.

        inside (N, K); members, which pictures are of the class of a tree, and of which tree: only
        their residuals are positive.
        """
        pictures, trees = members
        counted = inside[pictures, trees]
        pictures, trees = pictures[counted], trees[counted]
        sums = np.empty((self._hits.shape[0], 3, residual.shape[1]))
        sums[:, 0] = self._hits @ np.where(inside, residual, 0)
        where = self._cells[:, pictures] * residual.shape[1] + trees
        positive = np.broadcast_to(residual[pictures, trees], where.shape)
        size = sums[:, 1].size
        sums[:, 1] = np.bincount(where.ravel(), positive.ravel(), size).reshape(sums[:, 1].shape)
        sums[:, 2] = self._hits_single @ inside.astype(np.float32)
        return sums.reshape(-1, self.stretches, *sums.shape[1:])

    def places_of(self, codes: np.ndarray) -> np.ndarray:
        """(M, L) -> (L, M): where other codes lie among the values."""
        columns = zip(self._middles, codes.T, strict=True)
        return np.stack([np.searchsorted(middles, column) for middles, column in columns])


@dataclass(frozen=True)
class Split:
    """How the nodes of one level are split, in each of K trees: three arrays (nodes, K)."""

    latent: np.ndarray
    place: np.ndarray  # the last that goes left
    gain: np.ndarray  # by how much the squared error falls


def _softmax(raw: np.ndarray) -> np.ndarray:
    chance = np.exp(raw - raw.max(0))
    return chance / chance.sum(0)


def _grow(
    latents: Sorted, residual: np.ndarray, members, generator: np.random.Generator
) -> tuple[list[Split], np.ndarray]:
    """One tree for each row of `residual` (K, N): its splits, level by level, and the leaf (K, N)
    in which each picture ends."""
    errors = np.ascontiguousarray(residual.T)
    parents = [latents.sums(errors, np.ones(errors.shape, bool), members)]
    node, splits = np.zeros(residual.shape, np.int64), []
    while True:
        found = [
            _best(latents, residual, node == number, sums, generator)
            for number, sums in enumerate(parents)
        ]
        splits.append(Split(*(np.stack(part) for part in zip(*found, strict=True))))
        node = _descend(latents.places, node, splits[-1])
        if len(splits) == DEPTH:
            return splits, node
        left = [latents.sums(errors, np.equal(node.T, 2 * k), members) for k in range(len(parents))]
        parents = [
            side for sums, part in zip(parents, left, strict=True) for side in (part, sums - part)
        ]


def _best(
    latents: Sorted,
    residual: np.ndarray,
    inside: np.ndarray,
    sums: np.ndarray,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The latent, the last place that goes left, and the gain, each (K,), of the best split of a
    node in each tree.

    inside (K, N) which pictures are in the node; sums (L, S, 3, K) as `Sorted.sums` gives them.
    """
    own = sums[:, :, (0, 2)]
    ends = own.cumsum(1)  # residuals and pictures up to the end of each stretch
    starts, whole = ends - own, ends[0, -1]
    trees = np.arange(whole.shape[1])
    luck = 1 + ALIKE * generator.random((len(sums), len(trees)))
    score = _score(ends[:, :, 0], ends[:, :, 1], *whole) * luck[:, None]
    stretch = score.argmax(1)
    best = np.take_along_axis(score, stretch[:, None], axis=1)[:, 0]
    latent = best.argmax(0)
    best, place = best[latent, trees], latents.end[latent, stretch[latent, trees]]

    bound = np.where(latents.mixed[..., None], _bound(starts, sums, whole), -np.inf)
    bound = bound.reshape(-1, len(trees)).T
    many = min(LOOKED_AT, bound.shape[1])
    likely = np.argpartition(bound, -many, axis=1)[:, -many:]
    for pairs in ((np.repeat(trees, many), likely.ravel()), None):
        tree, cell = np.nonzero(bound > best[:, None]) if pairs is None else pairs
        tree, cell = (of[bound[tree, cell] > best[tree]] for of in (tree, cell))
        if not len(tree):
            break
        bound[tree, cell] = -np.inf
        at, cut = np.divmod(cell, latents.stretches)
        before = (*starts[at, cut, :, tree].T, luck[at, tree])
        score, last = _closely(latents, residual, inside, at, cut, tree, before, whole[:, tree])
        chosen = np.lexsort((score, tree))
        chosen = chosen[np.append(np.diff(tree[chosen]) > 0, True)]  # the best of each tree
        chosen = chosen[score[chosen] > best[tree[chosen]]]
        tree = tree[chosen]
        best[tree], latent[tree], place[tree] = score[chosen], at[chosen], last[chosen]

    gain = best / luck[latent, trees] - whole[0] ** 2 / np.maximum(whole[1], 1)
    split = gain > 1e-12
    return latent, np.where(split, place, NEVER), np.where(split, gain, 0.0)


def _closely(
    latents: Sorted, residual: np.ndarray, inside: np.ndarray, at, cut, tree, before, whole
) -> tuple[np.ndarray, np.ndarray]:
    """The best split between two pictures of each of P stretches `cut` of latents `at` in trees
    `tree`: its score and the last place that goes left, both (P,).

    before: residuals and pictures up to each stretch, and the luck of its latent, three (P,)
    """
    count, (behind, n_behind, luck) = latents.order.shape[1], (of[:, None] for of in before)
    first, size = latents.start[at, cut], latents.start[at, cut + 1] - latents.start[at, cut]
    step = np.arange(size.max())
    rank = at[:, None] * count + np.minimum(first[:, None] + step, count - 1)
    picture = latents.order.take(rank)
    among = tree[:, None] * count + picture
    here = inside.take(among) & (step < size[:, None])
    behind = behind + np.where(here, residual.take(among), 0).cumsum(1)
    n_behind = n_behind + here.cumsum(1, dtype=float)
    score = _score(behind, n_behind, *whole[..., None]) * luck
    score[~latents.last.take(rank) | (step >= size[:, None])] = -1
    found, pairs = score.argmax(1), np.arange(len(at))
    return score[pairs, found], latents.places[at, picture[pairs, found]]


def _score(behind, n_behind, total, count) -> np.ndarray:
    """By how much the squared error would fall, and a constant of the node: the sum of residuals,
    squared, over the number of pictures, of both sides; -1 where one side is empty."""
    ahead = count - n_behind
    score = behind**2 / np.maximum(n_behind, 1) + (total - behind) ** 2 / np.maximum(ahead, 1)
    return np.where((n_behind > 0.5) & (ahead > 0.5), score, -1.0)


def _bound(starts: np.ndarray, sums: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(L, S, K): what no split inside a stretch can exceed.

    The score is convex in the residuals and the pictures left behind, so it is largest in a corner
    of where those can be: no residual is larger than 1, so what rises by the sum of the positive
    ones has passed as many pictures, and has as many ahead as the sum of the negative ones.
    """
    behind, n_behind = starts[:, :, 0], starts[:, :, 1]
    error, up, pictures = sums[:, :, 0], sums[:, :, 1], sums[:, :, 2]
    total, count = whole
    down = np.maximum(up - error, 0)
    most = np.zeros(behind.shape)
    for rise, passed, rest in ((up, up, down), (-down, down, up)):
        high = behind + rise
        for n in (n_behind + passed, n_behind + pictures - rest):
            n = np.clip(n, 1, np.maximum(count - 1, 1))
            corner = high**2 / n + (total - high) ** 2 / np.maximum(count - n, 1)
            np.maximum(most, corner, out=most)
    return np.where((pictures > 1.5) & (count > 1.5), most * (1 + 2 * ALIKE), -np.inf)


def _descend(places: np.ndarray, node: np.ndarray, split: Split) -> np.ndarray:
    """From each picture's node (K, N) to its child, 2 * node or 2 * node + 1."""
    right = np.zeros(node.shape, bool)
    for number, (latent, place) in enumerate(zip(split.latent, split.place, strict=True)):
        right |= (node == number) & (places[latent] > place[:, None])
    return 2 * node + right


def _leaves(places: np.ndarray, splits: list[Split]) -> np.ndarray:
    node = np.zeros((splits[0].latent.shape[1], places.shape[1]), np.int64)
    for split in splits:
        node = _descend(places, node, split)
    return node


def _newton(residual: np.ndarray, chance: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """(K, leaves): one Newton step of the log loss in each leaf; 0 where it is flat."""
    shape = (len(residual), 2**DEPTH)
    where = (leaves + shape[1] * np.arange(shape[0])[:, None]).ravel()
    slope, curve = (
        np.bincount(where, part.ravel(), shape[0] * shape[1])
        for part in (residual, chance * (1 - chance))
    )
    steps = np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 1e-150)
    return steps.reshape(shape)
