"""Devices, and processes that share each step of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class WorkerGroup:
    """A process that trains alone.

    Parameters
    ----------
    device : torch.device

    Attributes
    ----------
    rank, world_size : int
        Number of this process, and of all that share each step.
    is_main : bool
        Whether this is the process that prints.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.rank, self.world_size = 0, 1
        self.is_main = True

    def broadcast(self, random: np.random.RandomState) -> np.random.RandomState:
        """Return a generator that is the same in all processes."""
        return random


class AcceleratedGroup(WorkerGroup):
    """Processes that share each step, joined by accelerate [1]_.

    Parameters
    ----------
    device : torch.device
        Its type alone counts: on GPUs, each process takes its own.

    Attributes
    ----------
    accelerator : accelerate.Accelerator

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
        on_cpu = device.type == "cpu"
        self.accelerator: Any = Accelerator(cpu=on_cpu)
        # accelerate numbers even the CPU, and torch does not load tensors from there.
        self.device = device if on_cpu else self.accelerator.device
        self.rank = self.accelerator.process_index
        self.world_size = self.accelerator.num_processes
        self.is_main = self.accelerator.is_main_process

    def broadcast(self, random: np.random.RandomState) -> np.random.RandomState:
        from accelerate.utils import broadcast_object_list

        state = broadcast_object_list([random.get_state()])[0]
        shared = np.random.RandomState()
        shared.set_state(state)
        random.tomaxint()  # so that the next fit finds another state
        return shared


def pick_workers(device: str | torch.device, data_parallel: bool) -> WorkerGroup:
    """Return the processes and the device that parameters of a model ask for."""
    return (AcceleratedGroup if data_parallel else WorkerGroup)(_pick_device(device))


def _pick_device(device: str | torch.device) -> torch.device:
    """Turn the parameter into a device that is there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is not a device that torch knows; use "auto", "cpu" or '
            '"cuda".'
        ) from error
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={device!r} was given, but torch finds no such device here; "
            'use device="auto" or "cpu".'
        )
    return picked
