"""Folders of saved models: atomic writing, and reading with checks."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file
from safetensors.torch import load
from torch import Tensor

from ..._version import __version__

FORMAT = 1
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def write_folder(
    path: str | PathLike, arrays: dict[str, NDArray], model: Any, about: dict[str, Any]
) -> None:
    """Write a model's folder atomically.

    Parameters
    ----------
    path : str or Path
        An existing model is replaced; other files of the folder stay.
    arrays : dict of str to ndarray
    model : dict
        Record of the model; fit for JSON.
    about : dict
        Description for readers; fit for JSON.

    Raises
    ------
    FileExistsError
        If there is something else at `path`.
    """
    path = Path(path).resolve()
    others = _other_files(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.mkdir()
    try:
        save_file(arrays, part / WEIGHTS, metadata={"format": "pt"})
        config = {
            "format": FORMAT,
            "written_by": {"skcrystal": __version__, "torch": torch.__version__},
            "sha256": {
                WEIGHTS: _digest((part / WEIGHTS).read_bytes()),
                "model": _digest(_canonical(model)),
            },
            **about,
            "model": model,
        }
        text = json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False)
        (part / CONFIG).write_text(text + "\n", encoding="utf-8")
        for other in others:
            # Links stay links: their targets may be large or missing.
            if other.is_dir() and not other.is_symlink():
                shutil.copytree(other, part / other.name, symlinks=True)
            else:
                shutil.copy2(other, part / other.name, follow_symlinks=False)
        _swap(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _other_files(path: Path) -> list[Path]:
    """Other files in the folder of the model to be replaced."""
    if not path.exists():
        return []
    inside = list(path.iterdir()) if path.is_dir() else [path]
    if inside and not _is_model(path):
        raise FileExistsError(
            f"{path} exists and is not a saved model; save to a folder of its own."
        )
    return [entry for entry in inside if entry.name not in (WEIGHTS, CONFIG)]


def _is_model(path: Path) -> bool:
    """Whether a folder is a saved model, perhaps a damaged one.

    Others have a `config.json` too, which is not to be replaced.
    """
    if not (path / CONFIG).is_file():
        return False
    text = (path / CONFIG).read_bytes()
    return b'"written_by"' in text and b'"skcrystal"' in text


def _swap(part: Path, path: Path) -> None:
    """Move a folder to a path, in place of an older one."""
    if not path.exists():
        part.rename(path)
        return
    old = part.with_suffix(".old")
    path.rename(old)
    try:
        part.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old)


def find_folder(path_or_name: str | PathLike) -> Path:
    """Folder of a saved model: one that exists, or else a name in the package.

    Raises
    ------
    ValueError
        If it is neither.
    """
    path = Path(path_or_name)
    names = pretrained_names()
    # Folders of data are called like models, too.
    if str(path_or_name) in names and not (path / CONFIG).exists():
        return shipped_folder() / str(path_or_name)
    if path.is_dir():
        return path
    if path.exists():
        raise ValueError(
            f"{path} is a file; a saved model is a folder, of {WEIGHTS} and {CONFIG}."
        )
    known = f"the package has {', '.join(names)}" if names else "the package has none"
    raise ValueError(
        f"there is no saved model at {str(path_or_name)!r}, nor one that comes with "
        f"the package by this name: {known}."
    )


def pretrained_names() -> list[str]:
    """Names of the models that come with the package.

    Returns
    -------
    list of str
        In alphabetical order; `load_pretrained` takes each.
    """
    entries = shipped_folder().iterdir() if shipped_folder().is_dir() else []
    return sorted(entry.name for entry in entries if (entry / CONFIG).is_file())


def shipped_folder() -> Path:
    """Folder of the models that come with the package."""
    return Path(str(files("skcrystal"))) / "pretrained"


def read_config(folder: Path) -> dict[str, Any]:
    """Record of a model without its weights, checked for damage.

    Raises
    ------
    ValueError
        If it is absent, damaged, or of a format that is not known.
    """
    try:
        text = (folder / CONFIG).read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"{folder} has no {CONFIG}; it is not a saved model."
        ) from None
    try:
        config = json.loads(text, parse_constant=_refuse)
        number, writer = config["format"], config["written_by"]["skcrystal"]
        digest = config["sha256"]["model"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{folder / CONFIG} is damaged or not of a saved model ({error!r}); copy "
            "the folder again."
        ) from error
    if number != FORMAT:
        raise ValueError(
            f"{folder} was written by skcrystal {writer} in the format {number!r}; "
            f"skcrystal {__version__} reads the format {FORMAT}. Update skcrystal, or "
            "save the model again with this one."
        )
    if "model" not in config or _digest(_canonical(config["model"])) != digest:
        raise ValueError(
            f"{folder / CONFIG} is damaged: its part `model` was changed. "
            "Copy the folder again."
        )
    return config


def read_arrays(folder: Path, config: dict[str, Any]) -> dict[str, Tensor]:
    """All arrays of a model; checked for damage.

    Raises
    ------
    ValueError
        If they are absent or not those that were written.
    """
    place = folder / WEIGHTS
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"{folder} has no {WEIGHTS}; copy the folder again, whole."
        ) from None
    if _digest(content) != config["sha256"].get(WEIGHTS):
        raise ValueError(
            f"{place} is damaged, cut short or of another model: its SHA-256 is not "
            f"the one in {CONFIG}. Copy the folder again."
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(f"{place} is not a safetensors file ({error}).") from error


def _canonical(model: Any) -> bytes:
    return json.dumps(model, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
