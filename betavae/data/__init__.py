"""What a sample is. Data know no model."""

from betavae.data.celeba import CelebA
from betavae.data.folder import ImageFolder
from betavae.data.images import DataError
from betavae.data.shapes2d import Shapes2D

DATA_SETS = {"celeba": CelebA, "images": ImageFolder, "shapes2d": Shapes2D}

__all__ = ["DATA_SETS", "CelebA", "DataError", "ImageFolder", "Shapes2D"]
