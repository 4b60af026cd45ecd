#!/usr/bin/env python3
"""Trains the PyTorch counterpart of the model over note lists on the windows of one of our corpora.

  note_lists.py MODEL.py CORPUS --steps N [--threads N] [--beta B] [--seed N]

MODEL.py defines the module `NoteListVae` and the functions `batch` and `f1`. CORPUS is a folder
from `controlgen corpus build`. Training draws windows as `controlgen train` does: a collection by
its number of windows to the power of 0.6, then one of its windows. The learning rate warms up over
200 steps and falls as a cosine; the weight of the KL term rises over 2,000 steps. Prints one JSON
line. Needs torch, numpy, pyarrow, and what MODEL.py imports.
"""
import argparse
import glob
import importlib.util
import json
import math
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

BATCH, RATE, WARM_UP, BETA_WARM_UP = 128, 2e-3, 200, 2000
N_DURATIONS, N_SCORED = 18, 2000


def window_ticks(meter):
    """Length in ticks of two bars of a class of meters; classes 24 and 25 have beats of a quarter."""
    return 2 * {24: 36, 25: 72}.get(meter, 3 * (meter + 1))


def windows(corpus):
    """Windows to train on, by collection, and held-out windows that do not occur among them."""
    train, heldout = {}, []
    for path in sorted(glob.glob(f"{corpus}/windows-*.parquet")):
        table = pq.read_table(path, columns=["tokens", "file", "split", "seen"])
        files, splits, seen = (table[name].to_pylist() for name in ("file", "split", "seen"))
        tokens = table["tokens"].combine_chunks()
        ends, values = tokens.offsets.to_numpy(), tokens.values.to_numpy()
        for i, file in enumerate(files):
            row = values[ends[i] : ends[i + 1]]
            # Onset, family, pitch, duration, dynamics; the peer has no dynamics.
            notes = row[1:].reshape(-1, 5)[:, [0, 2, 3, 1]].astype(np.uint8)
            window = (window_ticks(int(row[0])), notes)
            if splits[i] == "train":
                train.setdefault(file.split("/")[0], []).append(window)
            elif not seen[i]:
                heldout.append(window)
    return list(train.values()), heldout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beta", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", action="store_true", help="reconstruct held-out windows")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    spec = importlib.util.spec_from_file_location("peer", options.model)
    peer = importlib.util.module_from_spec(spec)
    sys.modules["peer"] = peer
    spec.loader.exec_module(peer)

    train, heldout = windows(options.corpus)
    share = np.array([len(part) ** 0.6 for part in train])
    share /= share.sum()

    def draw():
        part = train[rng.choice(len(train), p=share)]
        return part[rng.integers(len(part))]

    model = peer.NoteListVae(256, 256, False)
    # Our classes of durations are one more than the peer's.
    width = model.heard[2].embedding_dim
    model.heard[2], model.said[2] = (nn.Embedding(N_DURATIONS, width) for _ in range(2))
    model.to_duration = nn.Linear(width, N_DURATIONS)
    adam = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.98))
    start = time.time()
    for step in range(options.steps):
        cosine = 0.485 * (1 + math.cos(math.pi * step / options.steps)) + 0.03
        for group in adam.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * cosine
        beta = options.beta * min(1, step / BETA_WARM_UP)
        loss, _ = model.loss(*peer.batch([draw() for _ in range(BATCH)]), beta)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
    rate = options.steps * BATCH / (time.time() - start)
    result = {"windows": options.steps * BATCH, "windows_per_s": rate}
    if options.score:
        model.eval()
        places = np.random.default_rng(1).permutation(len(heldout))[:N_SCORED]
        some = [heldout[i] for i in places]
        result.update(best=peer.f1(model, some, 0), sampled=peer.f1(model, some, 1))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
