"""What happens beside the training loop."""

import numpy as np
from skorch.callbacks import Callback


class TargetErrors(Callback):
    """Record the mean absolute error of each target on the held-back part.

    Predictions begin with a column a target; variances after them are not read.

    Parameters
    ----------
    names : list of str
        One a target; columns are called ``valid_mae_<name>``.
    scale : ndarray of shape (T,)
        Unit of the scaled targets.
    """

    def __init__(self, names: list[str], scale: np.ndarray) -> None:
        self.names = names
        self.scale = scale

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._error, self._count = 0.0, 0.0

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        if training:
            return
        start = 0
        for graphs, (label, weight) in zip(*batch, strict=True):
            # A piece's weights are scaled by its part of the batch.
            weight = weight * (len(y_pred) / len(graphs))
            predicted = y_pred[start : start + len(graphs), : label.shape[1]]
            error = (predicted - label).abs()
            self._error += (error * weight).sum(0)
            self._count += weight.sum(0)
            start += len(graphs)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if dataset_valid is None:
            return
        errors = (self._error / self._count).cpu().numpy() * self.scale
        for name, error in zip(self.names, errors, strict=True):
            net.history.record(f"valid_mae_{name}", float(error))
        del self._error, self._count  # they may lie on a device


class StopOnDivergence(Callback):
    """Raise when the loss is no longer a number, instead of training on."""

    def on_epoch_end(self, net, **kwargs):
        loss = net.history[-1, "train_loss"]
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"training diverged: the loss is {loss} in epoch "
                f"{net.history[-1, 'epoch']}. Lower `lr` (now {net.lr}), or set "
                "`gradient_clip` (default 1.0)."
            )
