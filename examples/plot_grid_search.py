"""
Parameter search
================

Search the parameters of a network and of its graphs, first on a grid, then with optuna,
in folds by formula; and test the best parameters on other crystals.
"""

# %%
# A fifth of the crystals is the test set. Trainings are short here, 8 epochs instead of
# 100, to finish within a minute: the best learning rate of a short training is higher
# than that of a long one, so search with the final number of epochs.
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna import distributions
from optuna_integration import OptunaSearchCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.model_selection import (
    FormulaKFold,
    MaskedScorer,
    train_test_split_by_formula,
)

warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
warnings.filterwarnings("ignore", ".optuna.terminator. module", FutureWarning)
optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = load_pbe_prototypes(return_X_y=True, as_frame=True)
X, X_test, y, y_test = train_test_split_by_formula(X, y, random_state=0)

# %%
# With the cache ``memory`` a graph is built once for each cutoff, not for each fold and
# point. (These take a tenth of a millisecond; larger cutoffs and cells gain more.)
cache = tempfile.TemporaryDirectory()  # in practice a permanent folder
transformer = CrystalGraphTransformer(memory=cache.name)
for how in ("built and cached", "read again"):
    start = perf_counter()
    transformer.transform(X)
    print(f"{len(X)} graphs {how} in {perf_counter() - start:.2f} s")

# %%
# The score is the error of energies alone: a mean over targets would add eV/atom to eV.
model = make_pipeline(transformer, CGCNNRegressor(max_epochs=8, random_state=0))
scorer = MaskedScorer("neg_mean_absolute_error", target="formation_energy_per_atom")
options = {"cv": FormulaKFold(3), "scoring": scorer, "error_score": "raise"}
lr, width = "cgcnnregressor__lr", "cgcnnregressor__hidden_dim"
cutoff, layers = "crystalgraphtransformer__cutoff", "cgcnnregressor__n_layers"
points = {cutoff: [5.0, 7.0], lr: [1e-3, 3e-3, 1e-2]}
start = perf_counter()
grid = GridSearchCV(model, points, **options).fit(X, y)
print(f"grid: 6 points in {perf_counter() - start:.0f} s, best {-grid.best_score_:.3f}")

# %%
# optuna samples ranges, guided by earlier trials. Of the trials here the first ten are
# random; use a hundred in practice.
space = {
    cutoff: distributions.CategoricalDistribution([5.0, 7.0]),
    lr: distributions.FloatDistribution(1e-3, 3e-2, log=True),
    width: distributions.IntDistribution(32, 96, step=32),
    layers: distributions.IntDistribution(1, 4),
}
sampler = optuna.samplers.TPESampler(seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler)
start = perf_counter()
drawn = OptunaSearchCV(model, space, n_trials=12, study=study, **options).fit(X, y)
seconds = perf_counter() - start
print(f"optuna: 12 points in {seconds:.0f} s, best {-drawn.best_score_:.3f}\n")

# %%
# The best score of a search is biased, as the best of many; errors on the test set are
# not.
tested = {"as given": model.fit(X, y), "best of grid": grid, "best of optuna": drawn}
for name, fitted in tested.items():
    print(f"{name}: {-scorer(fitted, X_test, y_test):.3f} eV/atom on other formulas")
print(f"best of optuna: {drawn.best_params_}")

# %%
# Every point by its learning rate; wider networks are larger.
rates, scores = np.transpose([(t.params[lr], t.value) for t in drawn.trials_])
sizes = [trial.params[width] for trial in drawn.trials_]
figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
axis.scatter(rates, -scores, sizes, c="#0072B2", alpha=0.8, label="optuna")
tried, scores = grid.cv_results_[f"param_{lr}"], grid.cv_results_["mean_test_score"]
axis.scatter(tried.astype(float), -scores, c="#D55E00", marker="s", label="grid")
axis.set(xscale="log", xlabel="learning rate", ylabel="MAE, by formula (eV/atom)")
axis.legend(frameon=False)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "grid-search.png", dpi=150)
print(f"\npicture: {output / 'grid-search.png'}")
