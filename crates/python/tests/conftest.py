"""Music and models that several tests use."""

from pathlib import Path

import numpy as np
import pytest

import controlgen

# Eight bars of 4/4 at 120: a scale in quarters, with a chord on each bar.
_SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def tune_notes(n_bars=8, shift=0):
    """The notes of a plain tune, as a dictionary of arrays."""
    pitch, start, end = [], [], []
    for beat in range(4 * n_bars):
        # Another turn in each window of two bars.
        pitch.append(_SCALE[(beat * 3 + beat // 8) % 8] + shift)
        start.append(beat / 2)
        end.append(beat / 2 + 0.5)
    for bar in range(n_bars):
        for interval in (0, 4, 7):
            pitch.append(48 + interval + shift)
            start.append(2.0 * bar)
            end.append(2.0 * bar + 2.0)
    return {"pitch": np.array(pitch), "start_time": np.array(start), "end_time": np.array(end)}


@pytest.fixture
def tune():
    return controlgen.NoteSequence.from_notes(tune_notes())


@pytest.fixture(scope="session")
def poly():
    return controlgen.Model.load("poly")


@pytest.fixture(scope="session")
def root():
    """The folder of the crate."""
    return Path(__file__).resolve().parent.parent
