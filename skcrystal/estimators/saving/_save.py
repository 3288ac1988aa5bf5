"""Saving and loading of models, without code in the files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pymatgen.core import Element
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..._version import __version__
from .._pipelines import is_graph_network, unwrap
from ._folder import find_folder, read_arrays, read_config, write_folder
from ._models import read_model, write_model
from ._registry import find_class, register
from ._values import Reader, Writer

_LONGEST_REASON = 300  # characters


class Saving:
    """Mixin that saves and loads fitted estimators.

    A class lists the attributes that `fit` sets, but for the net, in ``_saved_state``.
    """

    _saved_state: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:  # set by `fit`
        target_names_: list[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        register(cls)

    def _get_fitted(self) -> dict[str, Any]:
        """Fitted attributes that are saved, but for the net."""
        return {name: getattr(self, name) for name in self._saved_state}

    def _set_fitted(self, state: Mapping[str, Any]) -> None:
        """Set the attributes that `_get_fitted` gave."""
        vars(self).update({name: state[name] for name in self._saved_state})

    def save_pretrained(
        self,
        path: str | PathLike,
        *,
        units: dict[str, str] | None = None,
        card: dict[str, Any] | str | None = None,
    ) -> None:
        """Write the fitted model to a folder, without pickle.

        ``model.safetensors`` holds all arrays, ``config.json`` everything else. Only
        the random numbers of training are lost: the loaded model predicts the same to
        the last bit (on the same kind of device), and can be trained further.

        Not saved, with a warning: `callbacks`, a `memory` of graphs, and a
        `random_state` that is a generator; they are None in the loaded model. A
        fitted model in `pretrained` is None there too: its weights are where training
        started from. Pipelines that only make graphs first are saved without that step
        where they are fitted, since a network stores the settings of its graphs.

        Parameters
        ----------
        path : str or Path
            Folder to write; it is complete or absent, never half written. An existing
            model is replaced, other files of the folder stay.
        units : dict of str to str, optional
            Units of targets by their names.
        card : dict or str, optional
            Description for readers: source and licence of data, errors, limits. Must
            be fit for JSON. It belongs to the folder: the loaded model has none.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        TypeError
            If a parameter, or a model inside, is of a type that cannot be saved.
        ValueError
            If `units` names other targets, or `card` does not fit JSON.
        FileExistsError
            If there is something else at `path`.
        """
        check_is_fitted(self, "net_" if is_graph_network(self) else self._saved_state)
        about = {
            "units": _check_units(units, self.target_names_),
            "card": _check_card(card),
            "trained_on": _training_set(self),
        }
        writer = Writer()
        record = write_model(self, writer)
        write_folder(path, writer.arrays, record, about)
        for name, reason in writer.left_out.items():
            warnings.warn(
                f"{name} {reason} and was not saved; it is None in the loaded model.",
                stacklevel=2,
            )

    @classmethod
    def from_pretrained(cls, path_or_name: str | PathLike) -> Self:
        """Load a fitted model of this class that `save_pretrained` wrote.

        No code in a file is run.

        Parameters
        ----------
        path_or_name : str or Path
            The folder; or if there is none, the name of a model that comes with the
            package.

        Returns
        -------
        estimator
            Of this class, or of a class derived from it.

        Raises
        ------
        ValueError
            If there is no such model, it is of another class, damaged, or of a newer
            format.
        """
        return _load(path_or_name, cls)


def load_pretrained(path_or_name: str | PathLike) -> Any:
    """Load a fitted model that `save_pretrained` wrote, of any class.

    No code in a file is run: numbers and text are read, all else is refused.

    Parameters
    ----------
    path_or_name : str or Path
        The folder; or if there is none, the name of a model that comes with the
        package.

    Returns
    -------
    estimator
        Predicts what the saved one did, to the last bit on the same kind of device.

    Raises
    ------
    ValueError
        If there is no such model, it is damaged, or of a newer format.

    Examples
    --------
    >>> import tempfile
    >>> from skcrystal import GCNRegressor, load_pretrained
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = GCNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_pretrained(f"{folder}/gcn")
    ...     again = load_pretrained(f"{folder}/gcn")
    >>> bool((again.predict(X[:9]) == model.predict(X[:9])).all())
    True
    """
    return _load(path_or_name, BaseEstimator)


def read_about(path_or_name: str | PathLike) -> dict[str, Any]:
    """Description of a saved model, without loading it.

    Parameters
    ----------
    path_or_name : str or Path
        As for `load_pretrained`.

    Returns
    -------
    dict
        ``units``, ``card`` and ``written_by``; in ``trained_on``, numbers of crystals
        and labels, ranges of labels, and symbols of the elements in one text.

    Raises
    ------
    ValueError
        If there is no such model, it is damaged, or of a newer format.
    """
    config = read_config(find_folder(path_or_name))
    names = ("units", "card", "trained_on", "written_by")
    return {name: config.get(name) for name in names}


def _load(path_or_name: str | PathLike, wanted: type) -> Any:
    folder = find_folder(path_or_name)
    config = read_config(folder)
    record = config["model"]
    found = record.get("class") if isinstance(record, dict) else None
    known = find_class(str(found)) or wanted
    if not issubclass(known, wanted):
        raise ValueError(
            f"{folder} holds a {found}, not a {wanted.__name__}; load it with "
            f"{found}.from_pretrained or skcrystal.load_pretrained."
        )
    arrays = read_arrays(folder, config)
    try:
        return read_model(record, Reader(arrays))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise ValueError(_why(folder, config, error)) from error


def _why(folder: Path, config: dict[str, Any], error: Exception) -> str:
    reason = str(error) if isinstance(error, ValueError) else repr(error)
    if len(reason) > _LONGEST_REASON:  # for example a list of all missing weights
        reason = f"{reason[:_LONGEST_REASON]} [...]"
    writer = config["written_by"]["skcrystal"]
    return (
        f"{folder} holds no model that skcrystal {__version__} can make: "
        f"{reason.rstrip('.')}. It was written by skcrystal {writer}; update if that "
        "is newer."
    )


def _check_units(
    units: dict[str, str] | None, target_names: list[str]
) -> dict[str, str]:
    for name, unit in (units or {}).items():
        if name not in target_names:
            raise ValueError(
                f"units names the target {name!r}, but there are only "
                f"{', '.join(target_names)}."
            )
        if not isinstance(unit, str):
            raise ValueError(f"units of {name} is {unit!r}; it must be text.")
    return dict(units or {})


def _check_card(card: dict[str, Any] | str | None) -> dict[str, Any] | str | None:
    if not isinstance(card, dict | str | None):
        raise ValueError(f"card is a {type(card).__name__}; it must be a dict or text.")
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"card does not fit JSON ({error}); make it of numbers, text, lists and "
            "dicts alone."
        ) from error
    return card


def _training_set(model: Any) -> dict[str, Any]:
    """Summary of the training set of the first network of a model."""
    model = unwrap(model)
    if not hasattr(model, "net_"):
        return {}  # such models raise when written
    symbols = " ".join(Element.from_Z(int(z)).symbol for z in model.elements_)
    return {**model._training_set, "elements": symbols}
