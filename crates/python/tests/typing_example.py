"""A program that uses every class, for mypy; nobody runs it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

import controlgen


def use(path: Path) -> npt.NDArray[np.float32]:
    tune: controlgen.NoteSequence = controlgen.NoteSequence.read(path)
    quantized: controlgen.QuantizedSequence = tune.quantize(4)
    steps: int = quantized.total_steps
    rolls: npt.NDArray[np.bool_] = tune.piano_roll(50).active
    model = controlgen.Model.load("poly")
    z: npt.NDArray[np.float32] = model.encode(tune)
    rows: list[npt.NDArray[np.float32]] = model.encode([tune, path])
    mean, std = model.encode(tune, return_std=True)
    gm = controlgen.GaussianMixture(2, covariance_type="diag").fit(z)
    labels: npt.NDArray[np.int64] = gm.predict(z)
    pieces: list[controlgen.Piece] = model.generate({0: 0.5, "style-1": 0.5}, n=steps, key="D")
    players: dict[str, int | str] = {"keys": 6, "bass": "fretless"}
    pieces.extend(model.generate(bars=8, drums=model, intro=2, instruments=players))
    mix: controlgen.Mix = model.mix(path, model.styles[0], method="transport")
    between = model.interpolate([tune, "style:0", z[0]], steps=5)
    pieces.extend(between)
    assert len(rows) and rolls.any() and labels.any() and std.shape == mean.shape
    return mix.z
