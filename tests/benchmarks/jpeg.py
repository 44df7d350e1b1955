"""Which library makes the browser's JPEGs fastest: `python tests/benchmarks/jpeg.py`.

A decoded face of 64x64 and a sheet of strips (nine rows of seven), from the decoder's tensor to the
file's bytes: medians of one thread's processor time; they take turns. torchvision, which the app
does not need, is measured where it is there; where CUDA is, its encoder on the GPU too.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import torch

from betavae import bundles
from betavae.data.images import to_picture
from betavae.serving.pictures import QUALITY, jpeg_uris
from betavae.views.traversal import moved_codes

ROUNDS = 300


def by_pillow(picture: torch.Tensor) -> bytes:
    stream = io.BytesIO()
    to_picture(picture).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def by_opencv(picture: torch.Tensor) -> bytes:
    """As the app does it, with the base64 that the others are spared."""
    return jpeg_uris(picture[None])[0].encode()


def by_torchvision(picture: torch.Tensor) -> bytes:
    """It subsamples the colours: less to do, and blurred edges."""
    from torchvision.io import encode_jpeg

    pixels = picture.clamp(0, 1).mul(255).round().to(torch.uint8)
    return encode_jpeg(pixels, QUALITY).cpu().numpy().tobytes()


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    ways = {"Pillow": by_pillow, "OpenCV": by_opencv}
    try:
        import torchvision  # noqa: F401

        ways["torchvision"] = by_torchvision
    except ImportError:
        print("torchvision is not installed: not measured")
    bundle = bundles.load("celeba-beta-vae")
    latents = [latent.index for latent in bundle.active]
    moved = moved_codes(bundle.codes[:1], latents, torch.linspace(-3, 3, 7))
    with torch.inference_mode():
        frames = bundle.vae.decode(moved.flatten(0, 2)).mean.unflatten(0, moved.shape[1:3])
    sheet = torch.cat([torch.cat(list(row), dim=-1) for row in frames], dim=-2)
    with torch.inference_mode():
        for what, picture in (("one frame", frames[0, 0]), ("a sheet of strips", sheet)):
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, encode in ways.items():
                    began = time.thread_time()
                    encode(picture)
                    taken[name].append(time.thread_time() - began)
            size = f"{picture.shape[-1]}x{picture.shape[-2]}"
            for name, encode in ways.items():
                median = statistics.median(taken[name]) * 1000
                print(
                    f"{what}, {size}: {name:11s} {median:.3f} ms, {len(encode(picture)):6d} bytes"
                )
            if "torchvision" in ways and torch.cuda.is_available():
                on_gpu = picture.cuda()
                began = time.perf_counter()
                for _ in range(ROUNDS):
                    by_torchvision(on_gpu)
                each = (time.perf_counter() - began) / ROUNDS * 1000
                print(f"{what}, {size}: torchvision on the GPU {each:.3f} ms")


if __name__ == "__main__":
    main()
