"""Shared fixtures: data sets that the tests draw themselves, in the layouts that people have, and
the app in a browser."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import DESK, SharedPage, chromium, open_page, served
from PIL import Image
from skimage.data import astronaut
from small_grids import SMALL_METRICS, SMALL_POOLS, planned

from betavae.data import CelebA
from betavae.machine.allocator import keep_freed_blocks
from betavae.study import grid

keep_freed_blocks()  # as a command does
OFFICIAL = (178, 218)  # CelebA's aligned frame
ATTRIBUTE_LINE = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee "
    "Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard "
    "Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair "
    "Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie "
    "Young "
)


@pytest.fixture(autouse=True)
def _alone_on_this_machine(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's own caches, or takes more than one core."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for the processes that a test starts
    torch.set_num_threads(1)


def smooth_picture(seed: int, size: tuple[int, int]) -> Image.Image:
    """A random picture of a few soft colour patches: like a face, it survives resizing."""
    patches = np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    """The picture as a file of a kind that Pillow knows, such as "PNG"."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@dataclass(frozen=True)
class CelebALayout:
    """A folder in CelebA's official layout, and what was written into it."""

    root: Path
    attributes: dict[str, list[bool]]  # file name -> 40 values
    partition: dict[str, int]  # file name -> 0 train, 1 validation, 2 test

    def names(self, part: int) -> list[str]:
        return [name for name, its_part in self.partition.items() if its_part == part]


def write_celeba(
    root: Path, pictures: dict[str, Image.Image], partition: dict[str, int], archive: bool
) -> CelebALayout:
    """Pictures (a folder or a zip), attributes drawn at random, and the partition."""
    kinds = Image.registered_extensions()
    files = {
        name: encoded(picture, kinds[Path(name).suffix], quality=95)
        for name, picture in pictures.items()
    }
    if archive:
        with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as stream:
            for name, content in files.items():
                stream.writestr(f"img_align_celeba/{name}", content)
    else:
        (root / "img_align_celeba").mkdir()
        for name, content in files.items():
            (root / "img_align_celeba" / name).write_bytes(content)
    random = np.random.default_rng(0)
    attributes = {name: (random.random(40) < 0.5).tolist() for name in files}
    lines = [str(len(files)), ATTRIBUTE_LINE]
    lines += [
        f"{name} " + " ".join(" 1" if value else "-1" for value in values)
        for name, values in attributes.items()
    ]
    (root / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = (f"{name} {part}\n" for name, part in partition.items())
    (root / "list_eval_partition.txt").write_text("".join(rows), encoding="utf-8")
    return CelebALayout(root, attributes, partition)


def small_celeba(root: Path) -> tuple[CelebA, CelebA]:
    """A new folder of 40 pictures to train on and 10 held out, read."""
    root.mkdir()
    names = [f"{number:06d}.jpg" for number in range(1, 51)]
    pictures = {name: smooth_picture(i, (89, 109)) for i, name in enumerate(names)}
    write_celeba(root, pictures, {n: int(i >= 40) for i, n in enumerate(names)}, archive=False)
    train, validation = (CelebA(root, split, progress=False) for split in ("train", "validation"))
    return train, validation


@pytest.fixture
def celeba_layout(tmp_path_factory):
    """celeba_layout(frame, archive, pictures): a new CelebA folder; six training, three
    validation and two test pictures unless `pictures` (name -> picture) are given to train on."""

    def make(frame=OFFICIAL, archive=False, pictures=None) -> CelebALayout:
        root = tmp_path_factory.mktemp("celeba")
        if pictures is not None:
            return write_celeba(root, pictures, dict.fromkeys(pictures, 0), archive)
        names = [f"{number:06d}.jpg" for number in range(1, 12)]
        pictures = {name: smooth_picture(i, frame) for i, name in enumerate(names)}
        partition = dict(zip(names, [0] * 6 + [1] * 3 + [2] * 2, strict=True))
        return write_celeba(root, pictures, partition, archive)

    return make


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory) -> Path:
    """An ImageFolder of 40 pictures of 64x64, some of which fall to validation."""
    root = tmp_path_factory.mktemp("pictures")
    for number in range(40):
        smooth_picture(number, (64, 64)).save(root / f"picture-{number:02d}.png")
    return root


class Pictures:
    """The least that training and validation need of a data set: random or given uint8 pictures."""

    def __init__(self, images: torch.Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        return self.images[indices]


@pytest.fixture
def smooth_pictures():
    """smooth_pictures(count): a data set of smooth RGB pictures, held in memory."""

    def make(count: int) -> Pictures:
        arrays = [np.array(smooth_picture(seed, (64, 64))) for seed in range(count)]
        return Pictures(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous())

    return make


@pytest.fixture
def file_size_limit():
    """file_size_limit(bytes): a context in which longer files fail to be written with OSError, as
    on a full disk (Python ignores the signal that would come with it)."""

    @contextlib.contextmanager
    def limit(size: int):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


# ---- the app in a browser ------------------------------------------------------------


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Where Gradio may write: an empty folder of its own."""
    folder = tmp_path_factory.mktemp("gradio")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    yield folder
    del os.environ["GRADIO_TEMP_DIR"]
    if before:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="session")
def studio():
    """The served models, which take a second to load."""
    from betavae.serving.studio import Studio

    return Studio()


@pytest.fixture(scope="session")
def demo(studio, cache):
    """The app's page with the bundles under weights/."""
    from betavae.ui import layout

    return layout.build(studio)


@pytest.fixture(scope="session")
def url(demo):
    """The app, served."""
    from betavae.ui.layout import LAUNCH

    with served(demo, **LAUNCH) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    with chromium() as instance:
        yield instance


@pytest.fixture(scope="session")
def start(url):
    """The link that `page` and `board` open; a file of tests may have its own."""
    return url


@pytest.fixture
def page(browser, start):
    """The app's page, with the first face on it; no script may have failed at the end."""
    yield from open_page(browser, start, viewport=DESK)


@pytest.fixture(scope="module")
def _shared_page(browser, start):
    yield from SharedPage.kept(browser, start)


@pytest.fixture
def board(_shared_page):
    """As `page`, for tests of Traverse that only look, or do what can be undone: they share one."""
    with _shared_page.lent() as page:
        yield page


@pytest.fixture
def phone(browser, url):
    yield from open_page(browser, url, viewport={"width": 390, "height": 844}, has_touch=True)


@pytest.fixture(scope="module")
def small_pools():
    """Few pictures, held out and encoded: what is tested here is not the scores' precision."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in SMALL_POOLS:
            patch.setattr(module, name, value)
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory, small_pools):
    """A grid's folder with one finished run in it."""
    root = tmp_path_factory.mktemp("grid")
    (run,) = planned(root)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in SMALL_METRICS:
            patch.setattr(module, name, value)
        assert grid.train_and_measure(run)
    return root


@pytest.fixture(scope="session")
def two_faces(tmp_path_factory):
    """The portrait beside a smaller, darker copy of it."""
    face = Image.fromarray(astronaut()).crop((80, 0, 380, 300))
    both = Image.new("RGB", (560, 300), "gray")
    both.paste(face, (0, 0))
    both.paste(face.resize((220, 220)).point(lambda value: value // 2), (320, 40))
    path = tmp_path_factory.mktemp("two") / "two.png"
    both.save(path)
    return path
