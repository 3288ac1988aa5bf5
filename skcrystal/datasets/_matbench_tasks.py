"""What is published of the tasks of Matbench v0.1 that give crystals."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    """What is published of a task."""

    column: str  # the target's name in the file
    unit: str
    n_crystals: int
    sha256: str
    about: str
    source: str


_MP = "Materials Project, April 2019 (A. Jain et al., APL Mater. 1, 011002, 2013)"
_MODULI = "Materials Project, April 2019 (M. de Jong et al., Sci. Data 2, 150009, 2015)"
_NO_UNSTABLE = "Left out: more than 150 meV/atom above the hull, and noble gases."
# Columns, numbers of crystals and SHA-256 are those of matminer 0.10.1, in
# matminer/datasets/dataset_metadata.json ("hash"); units those of matbench 0.6.
TASKS = {
    "matbench_dielectric": Task(
        "n",
        "no unit",
        4_764,
        "83befa09bc2ec2f4b6143afc413157827a90e5e2e42c1eb507ccfa01bf26a1d6",
        f"Refractive index, by PBE perturbation theory. {_NO_UNSTABLE}",
        "Materials Project, April 2019 (I. Petousis et al., Sci. Data 4, 160134, 2017)",
    ),
    "matbench_jdft2d": Task(
        "exfoliation_en",
        "meV/atom",
        636,
        "26057dc4524e193e32abffb296ce819b58b6e11d1278cae329a2f97817a4eddf",
        "Energy to peel a layer off, by OptB88vdW.",
        "JARVIS-DFT (K. Choudhary et al., Sci. Rep. 7, 5179, 2017)",
    ),
    "matbench_log_gvrh": Task(
        "log10(G_VRH)",
        "log10(GPa)",
        10_987,
        "098af941f4c663270f1fe21abf20ffad6fb85ecbfcba5786ceac03983ac29da7",
        f"Shear modulus, Voigt-Reuss-Hill mean, by PBE. {_NO_UNSTABLE}",
        _MODULI,
    ),
    "matbench_log_kvrh": Task(
        "log10(K_VRH)",
        "log10(GPa)",
        10_987,
        "44b113ddb7e23aa18731a62c74afa7e5aa654199e0db5f951c8248a00955c9cd",
        f"Bulk modulus, Voigt-Reuss-Hill mean, by PBE. {_NO_UNSTABLE}",
        _MODULI,
    ),
    "matbench_mp_e_form": Task(
        "e_form",
        "eV/atom",
        132_752,
        "dedcb1d4ba2e3e50dbdd45ba5bc647a00e9c2bcf8f8bf556dc8e92caa39eb21f",
        "Formation energy, by PBE. Left out: more than 2.5 eV/atom, and noble gases.",
        _MP,
    ),
    "matbench_mp_gap": Task(
        "gap pbe",
        "eV",
        106_113,
        "58b65746bd88329986ed66031a2ac1369c7c522f7bc9f9081528e07097c2c057",
        f"Band gap, by PBE, 0 for metals. {_NO_UNSTABLE}",
        _MP,
    ),
    "matbench_mp_is_metal": Task(
        "is_metal",
        "True for metals",
        106_113,
        "9a028ed5750a4c76ca36e9f3c8d48fe0bf3fb21b76ec2289e58ae7048d527919",
        f"Whether PBE bands leave no gap; 43.5 % are metals. {_NO_UNSTABLE}",
        _MP,
    ),
    "matbench_perovskites": Task(
        "e_form",
        "eV a cell of five atoms",
        18_928,
        "4641e2417f8ec8b50096d2230864468dfa08278dc9d257c327f65d0305278483",
        "Heat of formation, by RPBE; oxygen as in water vapour.",
        "I. E. Castelli et al., Energy Environ. Sci. 5, 9034 (2012)",
    ),
    "matbench_phonons": Task(
        "last phdos peak",
        "1/cm",
        1_265,
        "4db551f21ec5f577e6202725f10e34dfc509aa7df3a6bdaac497da7f6dbbb9b3",
        "Frequency of the highest peak in the phonon density of states, by PBEsol.",
        "G. Petretto et al., Sci. Data 5, 180065 (2018)",
    ),
}
_WITHOUT_CRYSTALS = (
    "matbench_expt_gap",
    "matbench_expt_is_metal",
    "matbench_glass",
    "matbench_steels",
)


def task_name(task: str) -> str:
    """Full name of a task that has crystals."""
    name = task if task.startswith("matbench_") else f"matbench_{task}"
    if name in TASKS:
        return name
    if name in _WITHOUT_CRYSTALS:
        what = "has compositions and no crystals, which graphs are made of"
    else:
        what = "is no task of Matbench v0.1"
    known = ", ".join(key.removeprefix("matbench_") for key in TASKS)
    raise ValueError(f"task={task!r} {what}; those with crystals are {known}.")
