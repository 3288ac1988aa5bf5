from ._metal import (
    METAL_BELOW as METAL_BELOW,
    fit_metal_probability as fit_metal_probability,
    metal_probability as metal_probability,
)
from ._predict import predict as predict, pretrained_names as pretrained_names
