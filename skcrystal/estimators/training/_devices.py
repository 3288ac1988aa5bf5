"""Where a model is trained: on a device, by one process or by several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from ._net import GraphNet


class Processes:
    """One process that trains alone.

    Parameters
    ----------
    device : torch.device

    Attributes
    ----------
    share : tuple of int
        Number of this process and of all that share each step.
    speaks : bool
        Whether this is the process that prints.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.share = (0, 1)
        self.speaks = True

    def agree(self, random: np.random.RandomState) -> np.random.RandomState:
        """Generator that is the same in all processes."""
        return random

    def make_net(self, network: Any, **parameters: Any) -> GraphNet:
        """Make a net that trains on the device."""
        from ._net import GraphNet

        return GraphNet(network, device=self.device, **parameters)

    def leave(self, net: GraphNet) -> None:
        """Make of a trained net one that predicts by itself."""


class ManyProcesses(Processes):
    """One of several processes that share each step, as accelerate [1]_ joins them.

    Parameters
    ----------
    device : torch.device
        Its type alone counts: on GPUs, each process takes its own.

    References
    ----------
    .. [1] https://huggingface.co/docs/accelerate
    """

    def __init__(self, device: torch.device) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise ImportError(
                "data_parallel=True needs accelerate: pip install accelerate, or "
                'skcrystal with its extra "parallel".'
            ) from error
        self._accelerator = Accelerator(cpu=device.type == "cpu")
        # accelerate numbers even the CPU, and torch does not load what lies there.
        on_cpu = device.type == "cpu"
        self.device = device if on_cpu else self._accelerator.device
        self.share = (
            self._accelerator.process_index,
            self._accelerator.num_processes,
        )
        self.speaks = self._accelerator.is_main_process

    def agree(self, random: np.random.RandomState) -> np.random.RandomState:
        from accelerate.utils import broadcast_object_list

        state = broadcast_object_list([random.get_state()])[0]
        agreed = np.random.RandomState()
        agreed.set_state(state)
        random.tomaxint()  # so that the next fit finds another state
        return agreed

    def make_net(self, network: Any, **parameters: Any) -> GraphNet:
        from skorch.hf import AccelerateMixin

        from ._net import GraphNet

        class ParallelGraphNet(AccelerateMixin, GraphNet):
            """Averages the gradients of all processes."""

            _criteria: list[str]  # skorch's list of losses

            def train_step_single(self, batch, **fit_params):
                (piece,) = zip(*batch, strict=True)
                self._n_labels = len(piece[1][0])
                return super().train_step_single(piece, **fit_params)

            def add_up(self, values):
                return self.accelerator.reduce(values, reduction="sum")

            def collect(self, losses):
                return self.accelerator.reduce(losses, reduction="mean")

            def _initialize_accelerator(self):
                criteria = self._criteria
                if not any(True for _ in self.criterion_.parameters()):
                    # Torch refuses to wrap a loss that has nothing to train.
                    self._criteria = []
                    self.criterion_.to(self.accelerator.device)
                try:
                    return super()._initialize_accelerator()
                finally:
                    self._criteria = criteria

        return ParallelGraphNet(
            network,
            accelerator=self._accelerator,
            device=None,  # it is the accelerator that says where tensors go
            # Early stopping restores weights at the end, under the wrapped names.
            unwrap_after_train=False,
            **parameters,
        )

    def leave(self, net: GraphNet) -> None:
        from ._net import GraphNet

        net._unwrap_accelerator()
        net.__class__ = GraphNet
        del net.accelerator, net.unwrap_after_train, net._wrapped_with_accelerator
        net.device = self.device
        net.module_.to(self.device)
        net.criterion_.to(self.device)
        net.optimizer_ = net.optimizer_.optimizer


def pick_processes(device: str | torch.device, data_parallel: bool) -> Processes:
    """Processes and device that parameters of a model ask for."""
    return (ManyProcesses if data_parallel else Processes)(_pick_device(device))


def _pick_device(device: str | torch.device) -> torch.device:
    """Turn the parameter into a device that is there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is no device that torch knows; use "auto", "cpu" or '
            '"cuda".'
        ) from error
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={device!r} was asked for, but torch finds no such device here; "
            'use device="auto" or "cpu".'
        )
    return picked
