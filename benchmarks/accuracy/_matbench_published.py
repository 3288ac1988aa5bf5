"""What others reached on Matbench v0.1, over the official five folds.

Mean absolute errors in the unit of the task, as the documentation of matbench gave them
in January 2024 (https://matbench.materialsproject.org, "Leaderboards-Per-Task"). Where
a spread over folds is given, it is its standard deviation.
"""

SOURCE = "matbench.materialsproject.org, January 2024"
_TASKS = (
    "perovskites",
    "mp_e_form",
    "mp_gap",
    "jdft2d",
    "dielectric",
    "phonons",
    "log_gvrh",
    "log_kvrh",
)
_MAE = {
    "coGN": (0.0269, 0.0170, 0.1559, 37.17, 0.3088, 29.71, 0.0689, 0.0535),
    "coNGN": (0.0290, 0.0178, 0.1697, 36.17, 0.3142, 28.89, 0.0670, 0.0491),
    "ALIGNN": (0.0288, 0.0215, 0.1861, 43.42, 0.3449, 29.54, 0.0715, 0.0568),
    "DeeperGATGNN": (0.0288, 0.0340, 0.1694, 45.46, 0.3355, 33.12, 0.0903, 0.0698),
    "SchNet (kgcnn)": (0.0342, 0.0218, 0.2352, 42.66, 0.3277, 38.96, 0.0796, 0.0590),
    "MEGNet (kgcnn)": (0.0352, 0.0252, 0.1934, 54.17, 0.3391, 28.76, 0.0871, 0.0668),
    "DimeNet++ (kgcnn)": (
        *(0.0376, 0.0235, 0.1993, 49.02, 0.3400, 37.46, 0.0792, 0.0572),
    ),
    "CGCNN v2019": (0.0452, 0.0337, 0.2972, 49.24, 0.5988, 57.76, 0.0895, 0.0712),
    "MODNet 0.1.12": (0.0908, 0.0448, 0.2199, 33.19, 0.2711, 34.28, 0.0731, 0.0548),
    "RF-SCM/Magpie": (0.2355, 0.1165, 0.3452, 50.04, 0.4196, 67.61, 0.1040, 0.0820),
    "dummy": (0.5660, 1.0059, 1.3272, 67.29, 0.8088, 323.98, 0.2931, 0.2897),
}
_SPREAD = {("coGN", "perovskites"): 0.0008, ("CGCNN v2019", "perovskites"): 0.0007}
# ROC AUC of the task "mp_is_metal". matbench scores labels, unless it was an early
# version: CGCNN's is of probabilities, the others equal their balanced accuracies.
_ROC_AUC = {"CGCNN v2019": 0.9520, "ALIGNN": 0.9128, "coGN": 0.9124}


def published(task):
    """Figures of a task, the best first.

    Parameters
    ----------
    task : str
        Name without "matbench_".

    Returns
    -------
    list of (str, float, float or None)
        Model, mean over folds of the error (of "mp_is_metal", of ROC AUC), and its
        standard deviation where known.
    """
    if task == "mp_is_metal":
        ranked = sorted(_ROC_AUC.items(), key=lambda item: -item[1])
        return [(model, value, None) for model, value in ranked]
    column = _TASKS.index(task)
    rows = [(m, v[column], _SPREAD.get((m, task))) for m, v in _MAE.items()]
    return sorted(rows, key=lambda row: row[1])
