"""CGCNN with elements described otherwise, for the study of training recipes."""

import torch

from skcrystal import CGCNNRegressor


class LearnedElementsRegressor(CGCNNRegressor):
    """Every element is a vector of its own, random at first: nothing is tabulated."""

    def _make_network(self, **arguments):
        network = super()._make_network(**arguments)
        torch.nn.init.normal_(network.elements.correction.weight)
        torch.nn.init.zeros_(network.elements.features)  # a constant, never trained
        return network


class TabulatedElementsRegressor(CGCNNRegressor):
    """Tabulated properties alone, without what is learned of each element."""

    def _make_network(self, **arguments):
        network = super()._make_network(**arguments)
        network.elements.correction.weight.requires_grad_(False)  # zero from the start
        return network
