"""Reader of weights of the original CGCNN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pymatgen.core import Element
from torch import Tensor

from ...nn import PublishedCGCNN
from ...nn.architectures._published_cgcnn import PublishedSizes

# Names of the parts of the network in checkpoints
_NAMES = {
    "elements": "embedding",
    "convolutions": "convs",
    "hidden": "conv_to_fc",
    "more": "fcs",
    "out": "fc_out",
}
_INNER_NAMES = {
    "linear.": "",
    "joint": "fc_full",
    "norm_message": "bn1",
    "norm_sum": "bn2",
}
_OURS_ALONE = {"elements.features", "basis.centers"}

# Parameters of later versions of the original program that the network here fixes
_GRAPH_ARGS = {
    "radius": PublishedCGCNN.cutoff,
    "max_num_nbr": PublishedCGCNN.max_neighbors,
    "dmin": 0,
    "step": 0.2,
    "enable_tanh": False,
}


@dataclass(frozen=True)
class Checkpoint:
    """Content of a file of CGCNN weights.

    Attributes
    ----------
    network : PublishedCGCNN
        In evaluation mode; its outputs are standardised targets, or the logits of two
        classes.
    mean, std : float
        Of the targets, in their unit: ``mean + std * output`` is a prediction. 0 and 1
        for a classifier.
    task : {"regression", "classification"}
    settings : dict of str to int
        ``hidden_dim``, ``n_layers``, ``head_dim``, ``n_hidden`` and ``n_features`` of
        the network.
    elements : ndarray of shape (n_elements,), int64
        Atomic numbers that have a vector. Outputs for others are NaN.
    """

    network: PublishedCGCNN
    mean: float
    std: float
    task: str
    settings: PublishedSizes
    elements: NDArray[np.int64]


def read_checkpoint(
    path: str | PathLike, atom_init: str | PathLike | Mapping
) -> Checkpoint:
    """Read weights that the original program of CGCNN [1]_ wrote.

    No code in the file is run: tensors, numbers and text are read, all else refused.

    Parameters
    ----------
    path : str or Path
        ``*.pth.tar`` file.
    atom_init : str, Path or dict
        Element vectors of its training: ``atom_init.json``, or its content, a dict of
        atomic numbers to lists of numbers.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ValueError
        If there is no such file, or it is damaged or something else, or holds a network
        for other graphs; or if `atom_init` does not fit, with the element named.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).
    """
    path = Path(path)
    content = _load(path)
    state = _check_content(path, content)
    settings = _sizes(path, state)
    task = _check_args(path, content["args"])
    mean, std = _check_normalizer(path, content["normalizer"])
    vectors = read_atom_init(atom_init, settings["n_features"])
    with torch.random.fork_rng(devices=()):  # all that it draws is replaced
        network = PublishedCGCNN(
            **settings,
            n_targets=1 if task == "regression" else 2,
            dropout=0.0,
            pooling="mean",
        )
    network.elements.features.copy_(torch.from_numpy(vectors))
    _fill(path, network, state)
    elements = np.flatnonzero(~np.isnan(vectors[:, 0]))
    return Checkpoint(network.eval(), mean, std, task, settings, elements)


def _load(path: Path) -> Any:
    """Content of the file, of plain types and tensors."""
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}; skcrystal.datasets.fetch_cgcnn_checkpoint "
            "downloads the published ones."
        )
    # First, to distinguish a failing disk from a damaged file
    content = path.read_bytes()
    # The best error so far may be a number of NumPy's, which is harmless to make.
    reduced: Any = np.float64(0).__reduce__()
    make_number, (dtype, _) = reduced
    numbers: list[Any] = [
        (make_number, "numpy.core.multiarray.scalar"),
        (make_number, "numpy._core.multiarray.scalar"),
        np.dtype,
        type(dtype),
    ]
    try:
        with torch.serialization.safe_globals(numbers):
            return torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can make the reader raise anything
        reason = str(error).strip().splitlines()
        raise ValueError(
            f"{path} is damaged or holds more than weights ({type(error).__name__}: "
            f"{reason[-1] if reason else 'no message'}); fetch or copy it again."
        ) from error


def _check_content(path: Path, content: Any) -> dict[str, Tensor]:
    """Weights of a checkpoint that has all its parts."""
    parts = ("state_dict", "normalizer", "args")
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}, not a CGCNN checkpoint, which "
            f"is a dict with {', '.join(parts)}."
        )
    if absent := [part for part in parts if not isinstance(content.get(part), Mapping)]:
        raise ValueError(
            f"{path} is not a CGCNN checkpoint: {', '.join(absent)} missing or not a "
            f"dict; it has {', '.join(map(str, content)) or 'no keys'}."
        )
    return {
        str(key): value
        for key, value in content["state_dict"].items()
        if isinstance(value, Tensor) and not str(key).endswith("num_batches_tracked")
    }


def _check_args(path: Path, args: Mapping) -> str:
    """Task of a checkpoint, if its network is the published one."""
    task = args.get("task")
    if task not in ("regression", "classification"):
        raise ValueError(
            f'{path}: args["task"] is {task!r}; a CGCNN checkpoint has "regression" '
            'or "classification".'
        )
    for name, value in _GRAPH_ARGS.items():
        if args.get(name, value) != value:
            raise ValueError(
                f"{path} was trained with {name}={args[name]!r}. Only the published "
                f"{name}={value!r} can be read."
            )
    return task


def _sizes(path: Path, state: dict[str, Tensor]) -> PublishedSizes:
    """Sizes of the network, from the shapes of its weights."""
    for key in ("embedding.weight", "conv_to_fc.weight", "convs.0.fc_full.weight"):
        if key not in state or state[key].ndim != 2:
            raise ValueError(
                f'{path}: state_dict["{key}"] is missing or not a matrix as '
                f"in CGCNN; the first keys are {', '.join(list(state)[:5]) or 'none'}."
            )
    hidden_dim, n_features = state["embedding.weight"].shape
    n_basis = state["convs.0.fc_full.weight"].shape[1] - 2 * hidden_dim
    if n_basis != PublishedCGCNN.n_basis:
        raise ValueError(
            f"{path} was trained on distances in {n_basis} Gaussians; only the "
            f"published {PublishedCGCNN.n_basis}, from 0 to 8 Å in steps of 0.2 Å, can "
            "be read."
        )
    return {
        "hidden_dim": hidden_dim,
        "n_layers": len({key.split(".")[1] for key in state if key[:6] == "convs."}),
        "head_dim": len(state["conv_to_fc.weight"]),
        "n_hidden": 1 + len({k.split(".")[1] for k in state if k[:4] == "fcs."}),
        "n_features": n_features,
    }


def _fill(path: Path, network: PublishedCGCNN, state: dict[str, Tensor]) -> None:
    """Copy all weights into the network; raise if some are missing or left over."""
    places = {
        _their_name(key): place
        for key, place in network.state_dict().items()
        if key not in _OURS_ALONE
    }
    if absent := [key for key in places if key not in state]:
        raise ValueError(f"{path}: state_dict lacks {', '.join(absent)}.")
    if extra := [key for key in state if key not in places]:
        raise ValueError(
            f"{path}: state_dict has {', '.join(extra)}, which CGCNN does not have."
        )
    for key, place in places.items():
        if state[key].shape != place.shape:
            raise ValueError(
                f'{path}: state_dict["{key}"] is of shape {tuple(state[key].shape)}; '
                f"the other weights need {tuple(place.shape)}."
            )
        if not state[key].isfinite().all():
            raise ValueError(
                f'{path}: state_dict["{key}"] holds numbers that are not finite.'
            )
        place.copy_(state[key])  # into the network's own memory


def _their_name(key: str) -> str:
    """Name in a checkpoint of the weight `key` of the network here."""
    part, _, rest = key.partition(".")
    if part == "head":
        part, _, rest = rest.partition(".")
    for ours, theirs in _INNER_NAMES.items():
        rest = rest.replace(ours, theirs)
    return f"{_NAMES[part]}.{rest}"


def _check_normalizer(path: Path, normalizer: Mapping) -> tuple[float, float]:
    try:
        mean, std = float(normalizer["mean"]), float(normalizer["std"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f'{path}: normalizer has no numbers "mean" and "std" ({error!r}).'
        ) from error
    if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
        raise ValueError(
            f"{path}: normalizer has mean={mean:g}, std={std:g}; a positive standard "
            "deviation is needed."
        )
    return mean, std


# Element vectors of the original CGCNN


N_ELEMENTS = 118


def read_atom_init(
    atom_init: str | PathLike | Mapping, length: int
) -> NDArray[np.float32]:
    """Read a table of element vectors.

    Parameters
    ----------
    atom_init : str, Path or dict
        ``atom_init.json``, or its content: a dict of atomic numbers to lists of
        numbers.
    length : int
        Length F of the vectors.

    Returns
    -------
    ndarray of shape (119, F), float32
        By atomic number; NaN where there is no vector.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else, or no vectors; or if a
        vector is not of that length. The message names the element.
    """
    named = "atom_init"
    if not isinstance(atom_init, Mapping):
        named = f"atom_init={str(atom_init)!r}"
        atom_init = _read_json(Path(atom_init), named)
    if not atom_init:
        raise ValueError(f"{named} holds no vector of any element.")
    table = np.full((N_ELEMENTS + 1, length), np.nan, np.float32)
    for key, numbers in atom_init.items():
        z = _atomic_number(key, named)
        vector = _vector(numbers)
        if vector.shape != (length,) or not np.isfinite(vector).all():
            raise ValueError(
                f"{named}: the vector of {Element.from_Z(z).symbol} ({key}) is "
                f"{str(numbers)[:60]}; the weights are for {length} finite numbers."
            )
        table[z] = vector
    return table


def _atomic_number(key: Any, named: str) -> int:
    try:
        z = int(key)
    except (TypeError, ValueError):
        z = 0
    if not 1 <= z <= N_ELEMENTS:
        raise ValueError(
            f"{named} has the key {key!r}; keys are atomic numbers, 1 to {N_ELEMENTS}."
        )
    return z


def _vector(numbers: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _read_json(path: Path, named: str) -> Mapping:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{named}: there is no such file.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{named} is not a JSON file ({error}).") from error
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{named} holds a {type(content).__name__}; it should be a dict of atomic "
            "numbers to lists of numbers."
        )
    return content
