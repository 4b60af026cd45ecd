"""Controlled music generation from unlabeled MIDI.

- `NoteSequence`: MIDI files as notes, in NumPy arrays with named fields.
- `GaussianMixture`: a scikit-learn estimator, fitted by parallel EM.
- `Model`: trained models with their styles; encoding, decoding, new music.
- `build_corpus`: MIDI files as a corpus that a model can be evaluated on.

Nothing here changes an object in place but `GaussianMixture.fit` and `Model.add_style`, and the
interpreter's lock is released while Rust works, so threads may share everything. The number of
threads is that of `RAYON_NUM_THREADS`. The same seed and input give the same result at any number
of threads.
"""

from typing import TYPE_CHECKING, Any

from ._controlgen import (
    MODELS,
    ControlgenError,
    Mix,
    Mixture,
    Model,
    NoteSequence,
    PianoRoll,
    Piece,
    QuantizedSequence,
    Style,
    __version__,
    build_corpus,
)

if TYPE_CHECKING:
    from ._mixture import GaussianMixture

__all__ = [
    "MODELS",
    "ControlgenError",
    "GaussianMixture",
    "Mix",
    "Mixture",
    "Model",
    "NoteSequence",
    "PianoRoll",
    "Piece",
    "QuantizedSequence",
    "Style",
    "__version__",
    "build_corpus",
]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to import; who reads notes does not wait for it.
    if name == "GaussianMixture":
        from ._mixture import GaussianMixture

        return GaussianMixture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
