"""One run of a visitor's: trained, packaged, measured, each by a process of its own."""

from __future__ import annotations

import io
import secrets
import shutil
import zipfile
from pathlib import Path
from typing import Any

from betavae.bundles import quick
from betavae.bundles.bundle import FILES, Bundle, load
from betavae.serving.checks import Refused
from betavae.serving.lab.process import Command, read_json
from betavae.serving.lab.setup import Setup, commands
from betavae.training import live

# What a run is at. It takes a place on the processor in those of BUSY.
WAITING, TRAINING, PACKING, DONE, FAILED, MEASURING = (
    "waiting",
    "training",
    "packing",
    "done",
    "failed",
    "measuring",
)
BUSY = (TRAINING, PACKING, MEASURING)

# A run in the lab reports to live.json; what it saves it saves at its end.
WATCHED = ["--live", "--history-steps", "1000000000"]
WATCHED += ["--checkpoint-seconds", "1e9", "--picture-seconds", "1e9"]


class Seat:
    """A run and its folder.

    name    of the bundle that it becomes; whoever knows it may use it, so it cannot be guessed
    folder  where all of it lies: the run in `run`, the bundle in a folder called `name`
    """

    def __init__(self, setup: Setup, root: Path):
        self.setup = setup
        self.name = f"lab-{secrets.token_hex(8)}"
        self.folder = root / self.name
        self.folder.mkdir(parents=True)
        self.stage, self.sentence = WAITING, ""
        self.process: Command | None = None
        self._live: dict[str, Any] | None = None
        self._bundle: Bundle | None = None
        self._read = 0.0

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    @property
    def bundle_folder(self) -> Path:
        return self.folder / self.name

    # ---- what it does ----

    def train(self, threads: int, known: dict[str, Any]) -> None:
        """Start; it then waits for `go`. `known` as for `Setup.options`."""
        words = [*self.setup.options(known), *WATCHED]
        self._start(TRAINING, ["train", *words, "--to", str(self.run_folder)], threads)

    def pack(self) -> None:
        """Make a bundle of what was trained."""
        words = [str(self.run_folder), *self.setup.material.options[1:], "--unmeasured"]
        words += ["--to", str(self.bundle_folder)]
        self._start(PACKING, ["--with-parent", "publish", *words], 1)

    def measure(self) -> None:
        """Every factor metric, on few pictures."""
        (self.bundle_folder / quick.NAME).unlink(missing_ok=True)
        words = ["--with-parent", "evaluate", str(self.bundle_folder), "--quick"]
        self._start(MEASURING, words, 1)
        if self.process:
            self.process.give_way()

    def say(self, word: str) -> None:
        if self.process and self.stage == TRAINING:
            if word == "go":
                self.process.give_way()
            self.process.say(word)

    def _start(self, stage: str, words: list[str], threads: int) -> None:
        try:
            self.process = Command(words, self.folder, threads)
            self.stage, self.sentence = stage, ""
        except OSError as error:
            self.stage, self.sentence = FAILED, f"The training cannot start: {error.strerror}."

    def proceed(self) -> None:
        """To be called now and then: from one process to the next when one has ended."""
        if self.process is None or not self.process.ended:
            return
        trouble, ended = self.process.trouble(), self.stage
        self.process = None
        if ended == MEASURING:
            self.stage, self.sentence = DONE, trouble
        elif trouble:
            self.fail(trouble)
        elif ended == TRAINING:
            if (self.live() or {}).get("step"):
                self.pack()
            else:
                self.fail("Stopped before a step was trained.")
        else:
            self.stage = DONE
            shutil.rmtree(self.run_folder, ignore_errors=True)

    def fail(self, sentence: str) -> None:
        self.end()
        self.stage, self.sentence = FAILED, sentence
        shutil.rmtree(self.run_folder, ignore_errors=True)

    def end(self) -> None:
        """No process of it is left when this returns."""
        if self.process:
            self.process.end()
        self.process = None

    def drop(self) -> None:
        """Nothing of it is left."""
        self.end()
        self.stage = FAILED
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what it shows ----

    def live(self) -> dict[str, Any] | None:
        """What the run last reported; None before its first report."""
        path = self.run_folder / live.NAME
        try:
            written = path.stat().st_mtime_ns
        except OSError:
            return self._live
        if written != self._read:
            found = read_json(path)
            if found:
                self._live, self._read = found, written
        return self._live

    @property
    def known(self) -> dict[str, Any]:
        """What this run has found out about the machine: how to hold numbers, and its steps."""
        config = (self.live() or {}).get("config", {})
        names = ("precision", "memory_format", "steps")
        return {name: config[name] for name in names if name in config}

    @property
    def pace(self) -> float:
        """Steps a second, of a run that has made some."""
        report = self.live() or {}
        return report.get("step", 0) / max(report.get("seconds", 0), 1.0)

    def measured(self) -> dict[str, Any] | None:
        """What was found so far when it was measured; None if it was not."""
        return read_json(self.bundle_folder / quick.NAME)

    @property
    def command(self) -> str:
        """What makes the same bundle again, for a shell."""
        report = self.live() or {}
        return commands(report["config"], report["step"], "mine")

    def bundle(self) -> Bundle:
        """Raises Refused before it is there."""
        if self.stage not in (DONE, MEASURING):
            raise Refused("This run is no bundle yet.")
        if self._bundle is None:
            self._bundle = load(self.bundle_folder)
        return self._bundle

    def archive(self) -> bytes:
        """The bundle's files as a zip, in a folder of the run's title, with the commands."""
        self.bundle()
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in FILES:
                archive.write(self.bundle_folder / name, f"mine/{name}")
            archive.writestr("mine/commands.txt", self.command + "\n")
        return stream.getvalue()
