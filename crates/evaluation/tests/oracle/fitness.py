"""Writes fitness.json: fitness scape plots of libfmp for pieces/structure.rs.

    pip install libfmp==1.2.5 && python fitness.py > fitness.json
"""

import json

import libfmp.c4
import numpy as np


def similarity(frames):
    length = np.linalg.norm(frames, axis=1, keepdims=True)
    unit = np.where(length > 0, frames / np.where(length > 0, length, 1), 12**-0.5)
    values = libfmp.c4.threshold_matrix(
        unit @ unit.T, 0.15, strategy="relative", scale=True, penalty=-2
    )
    return libfmp.c4.normalization_properties_ssm(values)


def case(name, frames):
    frames = np.round(frames, 3)
    fitness = libfmp.c4.compute_fitness_scape_plot(similarity(frames))[0]
    rows = [[float(x) for x in row[: len(row) - at]] for at, row in enumerate(fitness)]
    return {"name": name, "frames": frames.tolist(), "fitness": rows}


rng = np.random.default_rng(5)
phrase, other = rng.gamma(0.4, size=(6, 12)), rng.gamma(0.4, size=(5, 12))
noise = lambda rows: rows + 0.1 * rng.random(rows.shape)
print(
    json.dumps(
        [
            case("unrelated", rng.gamma(0.4, size=(14, 12))),
            case("varied", np.concatenate([noise(x) for x in (phrase, phrase, other, phrase)])),
            case("skips", np.concatenate([phrase, other, phrase[[0, 1, 3, 4, 5]], other])),
        ]
    )
)
