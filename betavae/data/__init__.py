"""What a sample is. Data know no model."""

from betavae.data.celeba import CelebA
from betavae.data.folder import ImageFolder
from betavae.data.images import DataError

DATA_SETS = {"celeba": CelebA, "images": ImageFolder}

__all__ = ["DATA_SETS", "CelebA", "DataError", "ImageFolder"]
