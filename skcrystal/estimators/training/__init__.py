"""The training loop: data loader, callbacks, devices, validation split."""
