"""How well align_face finds and aligns faces, beside one plain pass of YuNet.

CelebA's frames are pasted at random size, turn and place on canvases of 640x480; where their eyes
are is known from CelebA's template. Other canvases show no face. Times are processor time of one
thread, which other programs on the machine lengthen less than they do the clock's.

    python tests/benchmarks/face_alignment.py --data ../shared/data/celeba
    python tests/benchmarks/face_alignment.py --data ../shared/data/celeba --faces 120 \\
        --turns 0 45 90 120 135 180 210 270
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from betavae.data.celeba import FRAME, SPLITS
from betavae.data.files import files_in_zip
from betavae.faces import alignment as faces
from betavae.faces import geometry, looks
from betavae.faces.detector import detect

CANVAS = (640, 480)
WIDTHS = (110, 400)  # of the pasted frame, in pixels; its eyes are 0.22 of that apart
TURNS = 20  # degrees to either side
# Pictures that scikit-image ships and that show no human face: a cat, a rocket, a garage, text ...
SCENES = "chelsea coffee rocket hubble_deep_field retina immunohistochemistry page text moon brick"
LARGE = (4000, 3000)

# Given a canvas, the 2x3 map from its pixels to CelebA's frame; None where no face is found.
Aligner = Callable[[Image.Image], "np.ndarray | None"]


@dataclass
class Canvas:
    picture: Image.Image
    frame_to_canvas: np.ndarray | None  # 2x3, the truth; None: there is no face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with img_align_celeba.zip")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--width", type=int, help="only frames of this width in pixels")
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--faceless", type=int, default=60)
    parser.add_argument("--large", type=int, default=20, help="photos of 12 megapixels to time")
    parser.add_argument(
        "--turns", type=float, nargs="+", help="degrees: only count who is aligned wrongly at each"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    rng = np.random.default_rng(options.seed)
    scenes = [Image.fromarray(getattr(skimage.data, name)()) for name in SCENES.split()]
    scenes = [scene.convert("RGB") for scene in scenes]
    frames = read_frames(options.data, options.split, options.width, options.faces, rng)
    if options.turns:
        return report_turns(options.turns, list(frames), scenes, options.seed)
    with_face = [paste(frame, background(scenes, rng), rng) for frame in frames]
    without = [Canvas(background(scenes, rng), None) for _ in range(options.faceless)]

    print(f"{len(with_face)} faces of {options.split}, {len(without)} canvases without, 1 thread")
    print(f"{'':24}found  false  eye error    remaining turn   ms     ms at 12 MP")
    print(f"{'':24}%      faces  med.  p90    med.  p90        640    med.  worst")
    for name, aligner in (("align_face", align), ("YuNet, one pass", align_in_one_pass)):
        report(name, aligner, with_face, without, options.large)


def read_frames(root, split, width, count, rng) -> Iterator[Image.Image]:
    """`count` random frames of the split, at CelebA's size whatever the file's."""
    rows = (
        line.split()
        for line in (root / "list_eval_partition.txt").read_text(encoding="utf-8").splitlines()
    )
    in_split = {name for name, part in rows if int(part) == SPLITS[split]}
    path = root / "img_align_celeba.zip"
    files = [file for file in files_in_zip(path) if file.name in in_split]
    with zipfile.ZipFile(path) as archive:
        for index in rng.permutation(len(files)):
            if not count:
                return
            with Image.open(io.BytesIO(files[index].read(archive))) as picture:
                if width in (None, picture.width):
                    count -= 1
                    yield picture.convert("RGB").resize(FRAME, Image.Resampling.BICUBIC)


def background(scenes: list[Image.Image], rng) -> Image.Image:
    """A canvas without a face: a piece of a scene, mirrored or not, or coloured noise."""
    if rng.random() < 0.25:
        coarse = rng.integers(0, 256, (*rng.integers(2, 240, 2), 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize(CANVAS, Image.Resampling.BICUBIC)
    scene = scenes[rng.integers(len(scenes))]
    part = rng.uniform(0.4, 1)
    width, height = scene.width * part, scene.height * part
    left, top = rng.uniform(0, scene.width - width), rng.uniform(0, scene.height - height)
    piece = scene.resize(CANVAS, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else piece


def paste(frame: Image.Image, canvas: Image.Image, rng, degrees: float | None = None) -> Canvas:
    """The frame on the canvas; at least its face, if not its hair, lies within."""
    scale = rng.uniform(*WIDTHS) / FRAME[0]
    angle = np.radians(rng.uniform(-TURNS, TURNS) if degrees is None else degrees)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    face_centre, reach = np.array((89, 125)), 58 * scale
    place = [rng.uniform(min(reach, side / 2), max(side - reach, side / 2)) for side in CANVAS]
    matrix = np.column_stack((turn, place - turn @ face_centre))
    in_pixel_centres = matrix.copy()
    in_pixel_centres[:, 2] += turn @ (0.5, 0.5) - 0.5
    smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels, mask = (
        cv2.warpAffine(array, in_pixel_centres, CANVAS, flags=smaller)
        for array in (np.asarray(frame), np.full(FRAME[::-1], 255, np.uint8))
    )
    picture = canvas.copy()
    picture.paste(Image.fromarray(pixels), mask=Image.fromarray(mask))
    return Canvas(picture, matrix)


def align(photo: Image.Image) -> np.ndarray | None:
    try:
        return faces.align_face(photo).matrix
    except faces.NoFaceFound:
        return None


def align_in_one_pass(photo: Image.Image) -> np.ndarray | None:
    """The reference: YuNet once, on the photo at a longest side of 640, and the same fit."""
    small = photo.copy()
    small.thumbnail((640, 640))
    found = detect(np.asarray(small))
    if not found:
        return None
    landmarks = max(found, key=lambda face: face.area).landmarks
    return looks.fit(landmarks * (photo.width / small.width))


def report(name: str, align: Aligner, with_face, without, large: int) -> None:
    errors, turns, times = [], [], []
    for canvas in with_face:
        matrix, milliseconds = timed(align, canvas.picture)
        times.append(milliseconds)
        if matrix is not None:
            error, turn = compare(matrix, canvas.frame_to_canvas)
            errors.append(error)
            turns.append(turn)
    elsewhere = sum(error > 1 for error in errors)  # an eye distance or more away: no face there
    false_faces = sum(align(canvas.picture) is not None for canvas in without)
    large_times = [
        timed(align, canvas.picture.resize(LARGE, Image.Resampling.BICUBIC))[1]
        for canvas in with_face[:large]
    ]
    print(
        f"{name:22}{100 * (len(errors) - elsewhere) / len(with_face):7.1f}"
        f"{false_faces:4} + {elsewhere:<2}"
        f"{np.median(errors):6.3f}{np.percentile(errors, 90):7.3f}"
        f"{np.median(turns):8.1f}{np.percentile(turns, 90):6.1f}"
        f"{np.median(times):11.0f}{np.median(large_times):8.0f}{np.max(large_times):7.0f}"
    )


def report_turns(turns: list[float], frames: list[Image.Image], scenes, seed: int) -> None:
    """How many faces are not found, or aligned wrongly: an eye more than half an eye distance away
    from where it is, which is 30 degrees of turn."""
    print(f"{len(frames)} faces\n{'degrees':>8}{'not found':>11}{'wrong':>7}{'ms':>6}")
    for degrees in turns:
        rng = np.random.default_rng(seed)
        lost, wrong, times = 0, 0, []
        for frame in frames:
            canvas = paste(frame, background(scenes, rng), rng, degrees)
            matrix, milliseconds = timed(align, canvas.picture)
            times.append(milliseconds)
            if matrix is None:
                lost += 1
            elif compare(matrix, canvas.frame_to_canvas)[0] > 0.5:
                wrong += 1
        print(f"{degrees:8.0f}{lost:11}{wrong:7}{np.median(times):6.0f}", flush=True)


def compare(matrix: np.ndarray, frame_to_canvas: np.ndarray) -> tuple[float, float]:
    """Mean error of the two eyes in eye distances, and the turn that is left, in degrees."""
    left = geometry.compose(matrix, frame_to_canvas)  # from the true frame to the aligned one
    eyes = looks.TEMPLATE[:2]
    error = np.hypot(*(geometry.apply(left, eyes) - eyes).T).mean() / looks.EYE_DISTANCE
    return float(error), float(abs(np.degrees(np.arctan2(left[1, 0], left[0, 0]))))


def timed(align: Aligner, photo: Image.Image) -> tuple[np.ndarray | None, float]:
    start = time.thread_time()
    matrix = align(photo)
    return matrix, 1000 * (time.thread_time() - start)


if __name__ == "__main__":
    main()
