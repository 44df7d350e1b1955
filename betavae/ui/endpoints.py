"""The API: /decode, /encode, /reconstruct, /traverse, for gradio_client and plain HTTP."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

import gradio as gr
import torch
from PIL import Image

from betavae.data.images import to_picture, to_tensor
from betavae.data.photos import PhotoError, open_photo
from betavae.serving import checks
from betavae.serving.pictures import png_uri
from betavae.serving.studio import Studio
from betavae.ui.live.sharp import details_of
from betavae.ui.parts.upload import face_or_centre, photo_input

MOST_FRAMES = 64
_PHOTOS = ThreadPoolExecutor(2, "photos")


def build(studio: Studio) -> None:
    """Register the four endpoints in the current Blocks."""

    def decode(
        latents: list[list[float]],
        model: str,
        output: str = "mean",
        seed: int = 0,
        details: str = "none",
    ) -> list[str]:
        """Decode codes. latents: a list of codes, each a list with one number per latent; model:
        the model's name; output: the 'mean' of p(x|z), a 'sample' drawn with the seed, or 'sharp',
        the picture of the model's renderer with the details: 'none', 'f12' for those of the stored
        face 12, 't7' for those of a training face, or what /reconstruct returned. Returns one
        picture per code: a PNG data URI, 64x64."""
        name = checks.model_name(model, studio.names)
        codes = checks.codes(latents, studio.bundles[name].vae.latents)
        seed = checks.whole_number(seed, 0, 2**31, "The seed")
        own = details_of(studio, {"details": {name: details}}, checks.output(output), {name: codes})
        pictures = studio.decode(name, codes, output, seed, own.get(name))
        return [png_uri(to_picture(picture)) for picture in pictures]

    def traverse(
        latents: list[float],
        model: str,
        latent: int,
        frames: int = 8,
        output: str = "mean",
        details: str = "none",
    ) -> dict[str, Any]:
        """Traverse one latent: set it to evenly spaced values from -3 to 3 and decode. latents: one
        code; latent: which one, from 0; frames: how many values; output and details: as for
        /decode. Returns the latent's label, the values, and one frame per value: a PNG data URI,
        64x64."""
        name = checks.model_name(model, studio.names)
        latent_count = studio.bundles[name].vae.latents
        codes = checks.codes(latents, latent_count)
        index = checks.whole_number(latent, 0, latent_count - 1, "The latent")
        count = checks.whole_number(frames, 2, MOST_FRAMES, "The number of frames")
        values = torch.linspace(-3, 3, count)
        own = details_of(studio, {"details": {name: details}}, checks.output(output), {name: codes})
        own = own.get(name)
        pictures = studio.strips(name, codes[0], [index], output, values, details=own)
        return {
            "label": next(k.label for k in studio.bundles[name].latents if k.index == index),
            "values": values.tolist(),
            "frames": [png_uri(to_picture(picture)) for picture in pictures[0]],
        }

    def encode(path: str | None, model: str) -> dict[str, Any]:
        """Find the face in a photo, align it and encode it. Returns per latent the posterior's
        mean, log_variance and kl (nats). aligned: whether a face was found; if not, the photo's
        centre is used."""
        name = checks.model_name(model, studio.photo_names)
        crop, found = _crop(path)
        posterior = studio.encode(name, to_tensor(crop)[None].float() / 255)
        return {
            "mean": posterior.mean[0].tolist(),
            "log_variance": posterior.log_variance[0].tolist(),
            "kl": posterior.kl()[0].tolist(),
            "aligned": found,
        }

    def reconstruct(path: str | None, model: str) -> dict[str, Any]:
        """Find the face in a photo, align it, encode it and decode it. Returns the crop and the
        reconstruction (PNG data URIs, 64x64), psnr (dB, higher is better), ssim (higher is better)
        and kl (nats). aligned: whether a face was found; if not, the photo's centre is used. sharp:
        the same with the photo's own details, and details, a word for them; null where the model
        has no renderer."""
        name = checks.model_name(model, studio.photo_names)
        crop, found = _crop(path)
        made = studio.reconstruct(name, crop)
        return {
            "crop": png_uri(crop),
            "reconstruction": png_uri(made.picture),
            "sharp": png_uri(made.sharp) if made.sharp else None,
            "details": made.details,
            "psnr": made.psnr,
            "ssim": made.ssim,
            "kl": made.kl.sum().item(),
            "aligned": found,
        }

    gr.api(_refusing(decode), api_name="decode", queue=False)
    gr.api(_refusing(traverse), api_name="traverse", queue=False)
    for function in (encode, reconstruct):
        _photo_endpoint(function, studio)


def _photo_endpoint(function, studio: Studio) -> None:
    """An endpoint that takes an upload: only a component makes Gradio check where it lies."""
    photo = photo_input(visible=False)
    names = studio.photo_names
    default = studio.beta_vae(names) or next(iter(names), "")
    model = gr.Textbox(default, label="model", visible=False)
    result = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        _looking(_refusing(function)),
        [photo, model],
        result,
        api_name=function.__name__,
        api_description=function.__doc__,
        queue=False,
    )


def _looking(function):
    """The same function as a coroutine that runs in a thread of its own few: photos that are looked
    at must not take the threads that decode for everybody's sliders."""

    @wraps(function)
    async def answer(*arguments):
        return await asyncio.get_running_loop().run_in_executor(_PHOTOS, function, *arguments)

    return answer


def _refusing(function):
    """The same function, with a refusal as Gradio's error: the caller reads the sentence."""

    @wraps(function)
    def answer(*arguments, **named):
        try:
            return function(*arguments, **named)
        except (checks.Refused, PhotoError) as refusal:
            raise gr.Error(str(refusal), print_exception=False) from refusal

    return answer


def _crop(path: str | None) -> tuple[Image.Image, bool]:
    """The aligned face of an uploaded photo, or its centre; and whether a face was found."""
    if not path:
        raise PhotoError("Send a photo.")
    crop, face, _ = face_or_centre(open_photo(path))
    return crop, face is not None
