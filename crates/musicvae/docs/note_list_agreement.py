"""Runs an exported model over note lists in PyTorch: `note_list_agreement.py FILE.safetensors < case.json`.

Reads `{"meters": [B], "windows": [B][C] lists of notes, "z": [B][Z], "lists": [[window, cell], …]}`,
where a note is its symbols, and prints `{"mean", "std_dev", "lists"}`: for each of `lists` the logits
of the position after each note, and those of each note's other fields. The test in `src/torch.rs`
provides the cases and compares.
"""
import json
import sys

import torch

from note_list_torch import load

case = json.load(sys.stdin)
model = load(sys.argv[1])
meters = torch.tensor(case["meters"])
with torch.no_grad():
    mean, std_dev = model.encode(meters, case["windows"])
    cells = model.cells(torch.tensor(case["z"]), meters)
    lists = [model.logits(cells[b, c], case["windows"][b][c]) for b, c in case["lists"]]
json.dump({
    "mean": mean.flatten().tolist(),
    "std_dev": std_dev.flatten().tolist(),
    "lists": [[position.tolist(), [field.tolist() for field in fields]] for position, fields in lists],
}, sys.stdout)
