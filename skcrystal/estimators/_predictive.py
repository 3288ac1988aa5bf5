"""What networks say of targets: a mean, and how far labels may lie from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nn import CrystalNetwork, TaskNetworks
from .targets._scaler import TargetScaler


@dataclass(frozen=True)
class Moments:
    """Means and standard deviations of T targets of m crystals, all in one unit.

    Attributes
    ----------
    mean : ndarray of shape (m, T)
        Over the thinned networks if there are several.
    epistemic : ndarray of shape (m, T), or None
        Spread of the thinned networks, which more labels would narrow.
    aleatoric : ndarray of shape (m, T), or None
        Spread of labels that the network expects of crystals it cannot tell apart.
    """

    mean: NDArray[np.float64]
    epistemic: NDArray[np.float64] | None
    aleatoric: NDArray[np.float64] | None

    @classmethod
    def of(cls, outputs: NDArray, scaler: TargetScaler) -> Moments:
        """Sum up outputs (m, S, K) of S networks: T means each, then any variances.

        Each network's are brought to units first, its standard deviations by the slope
        at its mean.
        """
        n_targets = len(scaler.scale)
        outputs = outputs.astype(np.float64)
        means = scaler.inverse(outputs[..., :n_targets])
        noise = None
        if outputs.shape[-1] > n_targets:
            noise = np.sqrt(outputs[..., n_targets:]) * scaler.slope(means)
        return cls(
            means.mean(axis=1),
            means.std(axis=1, ddof=1) if means.shape[1] > 1 else None,
            None if noise is None else np.sqrt(np.mean(noise**2, axis=1)),
        )

    @property
    def components(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Epistemic and aleatoric part, where there are both."""
        assert self.epistemic is not None  # see `check_spread`
        assert self.aleatoric is not None
        return self.epistemic, self.aleatoric

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of a label, from all that is known."""
        if self.aleatoric is None:
            assert self.epistemic is not None  # see `check_spread`
            return self.epistemic
        if self.epistemic is None:
            return self.aleatoric
        return np.hypot(self.epistemic, self.aleatoric)


NO_SPREAD = (
    "return_std=True needs a model that was fitted with dropout or with "
    'loss="gaussian_nll"; fit one with, for example, dropout=0.1, dropout_conv=0.1 or '
    'loss="gaussian_nll", or an EnsembleRegressor, which needs none of these.'
)


def drops(network: CrystalNetwork | TaskNetworks) -> bool:
    """Whether dropout thins a network anywhere."""
    return bool(network.dropout or network.dropout_conv)


def check_one_spread(return_std: bool, return_components: bool) -> None:
    """Check that not both kinds of standard deviations are asked for.

    Raises
    ------
    ValueError
        If they are.
    """
    if return_std and return_components:
        raise ValueError(
            "return_std=True and return_components=True were both given; give one: "
            "the first returns (mean, std), the second (mean, epistemic, aleatoric)."
        )


def check_spread(
    network: CrystalNetwork | TaskNetworks, return_std: bool, return_components: bool
) -> None:
    """Check that a network can give the standard deviations that are asked for.

    Raises
    ------
    ValueError
        If it cannot, or if both kinds are asked for.
    """
    check_one_spread(return_std, return_components)
    if return_std and not (drops(network) or network.gaussian):
        raise ValueError(NO_SPREAD)
    if return_components and not (drops(network) and network.gaussian):
        missing = []
        if not network.gaussian:
            missing.append('loss="gaussian_nll"')
        if not drops(network):
            missing.append("dropout (such as dropout=0.1 or dropout_conv=0.1)")
        raise ValueError(
            'return_components=True needs a model that was fitted with loss="gaussian_'
            'nll" and with dropout; this one was fitted without '
            f"{' and without '.join(missing)}. Set it and fit again."
        )
