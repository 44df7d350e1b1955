"""The Hugging Face Hub: files to it, bundles from it; what goes wrong is said in one sentence."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    get_token,
    snapshot_download,
)
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from betavae.errors import reason

NAME = re.compile(r"[\w.-]+/[\w.-]+")
# Of a bundle; whatever else a repository holds is not fetched.
PATTERNS = ("*.json", "*.safetensors", "*.csv", "*.png", "README.md")
_REFUSALS = {  # status -> why, and what to do
    401: "the Hub does not accept your token; log in again with `hf auth login`",
    402: "the Hub wants a paid plan for it; choose other hardware, or see its billing page",
    403: "you may not write there: the name is somebody else's, or your token may only read",
    404: "the Hub knows no such repository, or does not show it to you",
    409: "the name is taken; choose another one",
    413: "it is more than the Hub takes; send fewer bundles with --weights",
    429: "the Hub has had too many requests from you; try again in an hour",
    507: "your storage on the Hub is full; delete something there, or see its billing page",
}


class HubError(ConnectionError):
    """The Hub cannot be reached or refuses; the message is one sentence."""


def is_name(text: str) -> bool:
    """Whether a text can be a repository's name, "user/repo"."""
    return bool(NAME.fullmatch(text))


@contextlib.contextmanager
def asking_for(repository: str) -> Iterator[None]:
    """While the Hub is asked something about a repository: every failure is a HubError."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # those of the HTTP client, which changes with the Hub's library
        raise HubError(f"{repository}: {_told(error)}.") from error


def _told(error: BaseException) -> str:
    """Why the Hub did not do it, and what to do."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        told = _REFUSALS.get(status, f"the Hub answers {status}")
        said = error.server_message
        return f"{told} ({reason(Exception(said))})" if said else told
    if error.__cause__ is not None:  # an upload's own error stands behind the one of its thread
        return _told(error.__cause__)
    if isinstance(error, OSError) or type(error).__module__.startswith(("http", "requests")):
        return f"the Hub cannot be reached; check the network ({reason(error)})"
    return f"that failed ({reason(error)})"


def logged_in() -> HfApi:
    """The Hub's API, as whoever is logged in here. Raises HubError without a token."""
    if not get_token():
        raise HubError(
            "There is no token of the Hub here: log in with `hf auth login`, or set HF_TOKEN to "
            "one that may write, from https://huggingface.co/settings/tokens."
        )
    return HfApi()


def files_of(api: HfApi, repository: str, kind: str) -> list[str] | None:
    """What a repository holds; None if there is none of that name."""
    with asking_for(repository):
        try:
            return [file.rfilename for file in api.repo_info(repository, repo_type=kind).siblings]
        except RepositoryNotFoundError:
            return None


def send(
    api: HfApi,
    repository: str,
    kind: str,
    files: Mapping[str, Path],
    delete: Sequence[str] = (),
    message: str = "",
) -> None:
    """`files` (path there -> file here) into a repository, in one commit, with progress bars.

    The Hub's library asks for each file where it belongs and sends large ones to its large-file
    storage; what is there already is not sent again.
    """
    operations = [CommitOperationAdd(path, str(file)) for path, file in sorted(files.items())]
    operations += [CommitOperationDelete(path) for path in delete]
    with asking_for(repository):
        api.create_commit(repository, operations, commit_message=message, repo_type=kind)


def fetch(repository: str) -> Path:
    """A bundle "user/repo" from the Hub -> its folder here, kept for the next start."""
    folder = Path(constants.HF_HOME) / "betavae" / repository
    with asking_for(repository):
        snapshot_download(repository, allow_patterns=list(PATTERNS), local_dir=folder)
    return folder
