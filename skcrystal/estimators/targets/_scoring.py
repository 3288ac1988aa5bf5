"""What regressors of crystals share: tags, and R^2 where labels may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from sklearn.utils import Tags

from ...utils._bases import RegressorMixin
from ._site_targets import SiteValues, check_site_targets
from ._targets import check_targets, check_weights


class CrystalRegressorMixin(RegressorMixin):
    """Regressor of one or several targets, of crystals instead of a table."""

    target_names_: list[str]

    if TYPE_CHECKING:  # what it is mixed into

        def predict(self, X: Any) -> Any: ...

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2, averaged over targets.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
        y : array-like of shape (m,) or (m, n_targets)
            Labels; NaN entries are left out, and so are targets with fewer than two.
            Targets of atoms are as in `fit`, and all atoms are judged together.
        sample_weight : array-like of shape (m,), optional

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of `y`.

        Raises
        ------
        ValueError
            If `y` does not fit `X` or the number of targets, or has too few labels.
        """
        return masked_r2(self.predict(X), y, self.target_names_, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def masked_r2(
    predicted: NDArray | SiteValues, y: Any, names: list[str], sample_weight: Any = None
) -> float:
    """Coefficient of determination over the labels that are there.

    Parameters
    ----------
    predicted : ndarray of shape (m,) or (m, T), or SiteValues
    y : array-like of shape (m,) or (m, T), or labels of sites
        NaN entries are left out, and so are targets with fewer than two.
    names : list of str
        The T targets that the model was fitted on.
    sample_weight : array-like of shape (m,), optional

    Returns
    -------
    float
        Mean over targets.

    Raises
    ------
    ValueError
        If `y` does not fit, or has too few labels.
    """
    weights = check_weights(sample_weight, len(predicted))
    if isinstance(predicted, SiteValues):
        n_sites = np.array([len(values) for values in predicted])
        targets = check_site_targets(y, n_sites, allow_empty=True)
        predicted = np.concatenate(predicted)
    else:
        targets = check_targets(y, len(predicted), allow_empty=True)
    weights = targets.spread(weights)
    check_n_targets(targets.values.shape[1], names)
    predicted = predicted.reshape(targets.values.shape)
    known = ~np.isnan(targets.values) & (weights[:, None] > 0)
    scores = [
        r2_score(truth[here], guess[here], sample_weight=weights[here])
        for truth, guess, here in zip(
            targets.values.T, predicted.T, known.T, strict=True
        )
        if here.sum() > 1
    ]
    if not scores:
        raise ValueError("no target has two labels, and R^2 needs two.")
    return float(np.mean(scores))


def check_n_targets(found: int, names: list[str], otherwise: str = "") -> None:
    """Check that labels are those of the targets a model was fitted on.

    Parameters
    ----------
    found : int
    names : list of str
    otherwise : str, default=""
        What else can be done, for the end of the message.

    Raises
    ------
    ValueError
        If they are more or fewer.
    """
    if found != len(names):
        raise ValueError(
            f"y has {found} targets, but the model was fitted on {len(names)} "
            f"({', '.join(names)}){otherwise}."
        )
