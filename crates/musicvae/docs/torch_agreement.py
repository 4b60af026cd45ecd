"""Runs an exported model in PyTorch: `torch_agreement.py FILE.safetensors < case.json`.

Reads `{"inputs": [B][T][slots], "width", "previous": [B][T], "n_classes", "z": [B][Z]}`, where an id
below 0 is no symbol, and prints `{"mean", "std_dev", "logits"}`. The test of `src/torch.rs` gives
the cases and compares.
"""
import json
import sys

import torch

from musicvae_torch import load


def symbols(ids, width):
    """Sums of one-hot vectors over the last axis of `ids`."""
    hot = torch.zeros(*ids.shape, width)
    hot.scatter_(-1, ids.clamp(min=0)[..., None], (ids >= 0).float()[..., None])
    return hot.sum(dim=-2)


case = json.load(sys.stdin)
model = load(sys.argv[1])
inputs = symbols(torch.tensor(case["inputs"]), case["width"])
previous = symbols(torch.tensor(case["previous"])[..., None], case["n_classes"])
with torch.no_grad():
    mean, std_dev = model.encode(inputs)
    logits = model.decode(torch.tensor(case["z"]), previous)
json.dump({name: value.flatten().tolist() for name, value in
           [("mean", mean), ("std_dev", std_dev), ("logits", logits)]}, sys.stdout)
