from ._augmentation import augment_crystals as augment_crystals
from ._container import CrystalGraphs as CrystalGraphs
from ._settings import GraphSettings as GraphSettings
from ._transformer import CrystalGraphTransformer as CrystalGraphTransformer
