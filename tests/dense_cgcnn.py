"""The published CGCNN from its equations, in double precision, without shortcuts."""

import numpy as np
import torch


def random_vectors(seed=0):
    """Element vectors as atom_init.json has them, up to bismuth."""
    random = np.random.RandomState(seed)
    return {str(z): random.rand(92).round(3).tolist() for z in range(1, 84)}


def random_content(
    task="regression", *, hidden_dim=6, n_layers=2, head_dim=9, n_hidden=2, seed=0
):
    """What a checkpoint of an untrained network holds, in the names of the original."""
    random = np.random.RandomState(seed)
    state = {}

    def linear(name, n_in, n_out):
        state[f"{name}.weight"] = random.normal(0, n_in**-0.5, (n_out, n_in))
        state[f"{name}.bias"] = random.normal(0, 0.5, n_out)

    def norm(name, n):
        state[f"{name}.weight"] = random.uniform(0.5, 1.5, n)
        state[f"{name}.bias"] = random.normal(0, 0.5, n)
        state[f"{name}.running_mean"] = random.normal(0, 1, n)
        state[f"{name}.running_var"] = random.uniform(0.5, 4, n)

    linear("embedding", 92, hidden_dim)
    for i in range(n_layers):
        linear(f"convs.{i}.fc_full", 2 * hidden_dim + 41, 2 * hidden_dim)
        norm(f"convs.{i}.bn1", 2 * hidden_dim)
        norm(f"convs.{i}.bn2", hidden_dim)
    linear("conv_to_fc", hidden_dim, head_dim)
    for i in range(n_hidden - 1):
        linear(f"fcs.{i}", head_dim, head_dim)
    linear("fc_out", head_dim, 1 if task == "regression" else 2)
    return {
        "state_dict": {k: torch.tensor(v).float() for k, v in state.items()},
        "normalizer": {"mean": -1.5, "std": 0.5},
        "args": {"task": task, "n_conv": n_layers},
    }


def dense_outputs(content, vectors, crystal):
    """Outputs (K,) of a crystal, twelve edges an atom, before the normalizer."""
    state = {k: v.double().numpy() for k, v in content["state_dict"].items()}

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name, x):
        mean, variance = (state[f"{name}.running_{s}"] for s in ("mean", "var"))
        x = (x - mean) / np.sqrt(variance + 1e-5)
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    neighbor, distance = twelve_edges(crystal)
    centers = 0.2 * np.arange(41)
    bond = np.exp(-(((distance[..., None] - centers) / 0.2) ** 2))
    x = np.array([vectors[str(z)] for z in crystal.atomic_numbers])
    x = linear("embedding", x)
    for i in range(content["args"]["n_conv"]):
        of_target = np.broadcast_to(x[:, None], (*neighbor.shape, x.shape[1]))
        z = np.concatenate([of_target, x[neighbor], bond], axis=2)
        z = norm(f"convs.{i}.bn1", linear(f"convs.{i}.fc_full", z))
        gate, core = np.split(z, 2, axis=2)
        messages = softplus(core) / (1 + np.exp(-gate))
        x = softplus(x + norm(f"convs.{i}.bn2", messages.sum(axis=1)))
    x = softplus(linear("conv_to_fc", softplus(x.mean(axis=0))))
    for i in range(sum(k.startswith("fcs") for k in state) // 2):
        x = softplus(linear(f"fcs.{i}", x))
    return linear("fc_out", x)


def twelve_edges(crystal):
    """Neighbours and distances, (N, 12) each; where there are fewer, atom 0 at 9 Å."""
    neighbor = np.zeros((len(crystal), 12), int)
    distance = np.full((len(crystal), 12), 9.0)
    for i, found in enumerate(crystal.get_all_neighbors(8.0)):
        nearest = sorted(found, key=lambda n: n.nn_distance)[:12]
        neighbor[i, : len(nearest)] = [n.index for n in nearest]
        distance[i, : len(nearest)] = [n.nn_distance for n in nearest]
    return neighbor, distance


def softplus(x):
    return np.logaddexp(0, x)
