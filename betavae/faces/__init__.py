"""Any photo -> an aligned face -> back into the photo."""

from betavae.faces.alignment import AlignedFace, NoFaceFound, align_face, centre_crop

__all__ = ["AlignedFace", "NoFaceFound", "align_face", "centre_crop"]
