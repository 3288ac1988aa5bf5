"""Published weights of CGCNN, downloaded."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from sklearn.utils import Bunch

from ._download import download

_URL = "https://raw.githubusercontent.com/txie-93/cgcnn/f42ab23/"
_ATOM_INIT = "atom_init.json"
# File here: where it is there, and its SHA-256
_FILES = {
    _ATOM_INIT: (
        "data/sample-regression/atom_init.json",
        "cb90bd2257dbf8cfc4e6b2b6d4348d4616e8e9680f1339b1461137032e0f1894",
    ),
    "band-gap.pth.tar": (
        "pre-trained/band-gap.pth.tar",
        "d269775b9be0995c046abed3dd6556c281a3eff7b2e1d73cf81b99e2a1d4aa6c",
    ),
    "efermi.pth.tar": (
        "pre-trained/efermi.pth.tar",
        "5ed4ba15b5bd3e04ce6b0eca75f15bb6465557aada4097f11291ea1e7cd48afb",
    ),
    "formation-energy-per-atom.pth.tar": (
        "pre-trained/formation-energy-per-atom.pth.tar",
        "e2f8bb910744f2c2f21d968285b6fd4316d795d0f3e7465ed0e3b4f3c92651a1",
    ),
    "semi-metal-classification.pth.tar": (
        "pre-trained/semi-metal-classification.pth.tar",
        "3791d48885afafb28c0797e22637b63ea591cf7fb27497ce537911261b92edc8",
    ),
}
_PREDICTS = {
    "formation-energy-per-atom": "formation energy in eV/atom",
    "band-gap": "band gap in eV",
    "efermi": "Fermi energy in eV",
    "semi-metal-classification": "class 1 (metal) against class 0 (semiconductor)",
}
_DESCR = """\
CGCNN weights: {name}

Predicts: {predicts}.

Published by T. Xie with his program (github.com/txie-93/cgcnn, MIT licence), trained
on {n_train:,} crystals of the Materials Project of April 2017. Which ones is not known:
for crystals that were there by then, errors may be those of training. Graphs are the
12 nearest neighbours within 8 Å; elements come as the vectors of `atom_init`, which has
one for each up to fermium (100).

Reference: T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).
"""
_N_TRAIN = {
    "formation-energy-per-atom": 28_046,
    "band-gap": 16_458,
    "efermi": 28_046,
    "semi-metal-classification": 37_394,
}


def fetch_cgcnn_checkpoint(
    name: str = "formation-energy-per-atom",
    *,
    data_home: str | PathLike | None = None,
) -> Bunch:
    """Download weights of the original CGCNN, once.

    Files are cached, and checked against their SHA-256 at each call.

    Parameters
    ----------
    name : str, default="formation-energy-per-atom"
        Property that the weights predict: "formation-energy-per-atom" in eV/atom,
        "band-gap" or "efermi" (Fermi energy) in eV, or "semi-metal-classification",
        whether a crystal is a metal.
    data_home : str or Path, optional
        Folder in which files are cached; by default the user's cache folder, in
        ``skcrystal/cgcnn``.

    Returns
    -------
    Bunch
        path : Path
            The weights, 0.8 MB.
        atom_init : Path
            The element vectors that they were trained with.
        DESCR : str
            Source of the weights, and the property that they predict.

    Raises
    ------
    ValueError
        If there are no weights of that name.
    OSError
        If a file cannot be downloaded, or comes damaged. The message gives its address
        and where to copy it to by hand.
    """
    if name not in _PREDICTS:
        raise ValueError(
            f"name={name!r}: no such weights are known; there are "
            f"{', '.join(_PREDICTS)}."
        )
    import pooch

    folder = Path(data_home or pooch.os_cache("skcrystal") / "cgcnn")
    return Bunch(
        path=_fetch(f"{name}.pth.tar", folder),
        atom_init=_fetch(_ATOM_INIT, folder),
        DESCR=_DESCR.format(
            name=name,
            predicts=_PREDICTS[name],
            n_train=_N_TRAIN[name],
        ),
    )


def _fetch(file: str, folder: Path) -> Path:
    place, sha256 = _FILES[file]
    return download(_URL + place, folder / file, sha256=sha256)
