"""Runs an exported model in PyTorch: `torch_agreement.py FILE.safetensors < case.json`.

Reads `{"inputs": [B][T][slots], "width", "previous": [B][T][parts], "control": [B][T][1] or null,
"n_controls", "n_classes": [parts], "n_segments", "z": [B][Z]}`, where an id below 0 means no symbol,
and prints `{"mean", "std_dev", "logits"}`, with the logits part after part. The test in
`src/torch.rs` provides the cases and compares.
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
model = load(sys.argv[1], case["n_segments"])
inputs = symbols(torch.tensor(case["inputs"]), case["width"])
ids = torch.tensor(case["previous"])
parts = [symbols(ids[..., i:i + 1], n) for i, n in enumerate(case["n_classes"])]
if len(model.decoder["cores"]) == 1:
    parts = [torch.cat(parts, dim=-1)]
if case["control"] is not None:
    control = symbols(torch.tensor(case["control"]), case["n_controls"])
    parts = [torch.cat([part, control], dim=-1) for part in parts]
with torch.no_grad():
    mean, std_dev = model.encode(inputs)
    logits = model.decode(torch.tensor(case["z"]), parts)
if len(logits) == 1:
    logits = logits[0].split(case["n_classes"], dim=-1)
logits = torch.cat([part.flatten() for part in logits])
json.dump({name: value.flatten().tolist() for name, value in
           [("mean", mean), ("std_dev", std_dev), ("logits", logits)]}, sys.stdout)
