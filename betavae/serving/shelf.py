"""Which models there are, what they are called, and which belong together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from betavae import bundles
from betavae.serving import checks

# Named in the app when they are missing; $BETAVAE_EXPECTED names others, as a Space with few has.
EXPECTED = ("celeba-vae", "celeba-beta-vae", "shapes2d-vae", "shapes2d-beta-vae")
FAMILIES = {"celeba": "Faces", "shapes2d": "2D shapes", "images": "Pictures"}  # data -> for people


class Shelf:
    """All bundles that could be loaded, by name, and why the others could not."""

    def __init__(self, added: Sequence[str] = ()):
        """added: more bundles, each a folder or "user/repo" on the Hub."""
        expected = os.environ.get("BETAVAE_EXPECTED", " ".join(EXPECTED)).split()
        self.bundles, self.problems = bundles.survey(expected, added)
        self._guests: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The models that everybody is offered."""
        return [name for name in list(self.bundles) if name not in self._guests]

    def model_name(self, value: Any) -> str:
        """One of the served models, or a visitor's own. Raises Refused."""
        if isinstance(value, str) and value in self._guests:
            return value
        return checks.model_name(value, self.names)

    def title(self, name: str) -> str:
        """For people; with the bundle's name where another model of the same data is called so."""
        title = self.bundles[name].title
        if name in self._guests:
            return f"{title}, yours"
        same = [n for n in self.names if self.bundles[n].title == title]
        alone = sum(self.data(n) == self.data(name) for n in same) == 1
        return title if alone else f"{title}, {name}"

    def data(self, name: str) -> str:
        """The name of the data set that a model was trained on."""
        return self.bundles[name].config["data"]["name"]

    def family(self, name: str) -> str:
        """The validation pictures of a model: only models of the same can be compared.

        The name of their data set; with their number where the first model of it has others, as
        one trained on all of CelebA beside one trained on a part.
        """
        data = self.bundles[name].config["data"]
        known = (bundle.config["data"] for bundle in self.bundles.values())
        first = next(other for other in known if other["name"] == data["name"])
        if all(data.get(key) == first.get(key) for key in ("validation_pictures", "crop")):
            return data["name"]
        return f"{data['name']}, {data.get('validation_pictures')} pictures"

    def family_title(self, family: str) -> str:
        """For people, such as "Faces" or "Faces, 300 pictures"."""
        data = self.data(self.families[family][0])
        return FAMILIES.get(data, data) + family.removeprefix(data)

    @property
    def families(self) -> dict[str, list[str]]:
        """The models of each data set that is there, faces first."""
        found: dict[str, list[str]] = {data: [] for data in FAMILIES}
        for name in self.names:
            found.setdefault(self.family(name), []).append(name)
        return {family: names for family, names in found.items() if names}

    @property
    def first_pair(self) -> list[str]:
        """The two models that a visitor sees first."""
        return self.pair(next(iter(self.families), ""))

    def pair(self, family: str) -> list[str]:
        """The two models of a family that are shown first: the VAE and the β-VAE, the one whose
        code grew where there is one, so that the difference is seen at once."""
        names = self.families.get(family, [])
        grown = [name for name in names[1:] if name.endswith("-beta-vae-grown")]
        return [*names[:1], *(grown or names[1:])[:1]]

    def beta_vae(self, names: list[str]) -> str | None:
        """The paper's own among `names`, which others are judged by and which is offered first."""
        return next((name for name in names if name.endswith("-beta-vae")), None)

    @property
    def photo_names(self) -> list[str]:
        """The models that a photo can be given to."""
        return [name for name in self.names if self.bundles[name].vae.channels == 3]

    def faces(self) -> int:
        """How many stored pictures every model has a code of."""
        return min((len(bundle.codes) for bundle in self.bundles.values()), default=0)
