"""Reading MIDI files next to symusic and pretty_midi, from Python, in one process.

    python benches/read.py FOLDER [FILES]

Each program reads the same files until its notes are in NumPy arrays. Files that one of them can't
read are counted and left out for all. The programs alternate from file to file and round to round; the
figure is the mean over files of each one's fastest round, which other work on the machine disturbs least.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pretty_midi
import symusic

import controlgen

ROUNDS = 7


def controlgen_notes(path):
    return len(controlgen.NoteSequence.read(path).notes)


def symusic_notes(path):
    # In seconds, as the others give them.
    score = symusic.Score(path, ttype="second")
    return sum(len(track.notes.numpy()["pitch"]) for track in score.tracks)


def pretty_midi_notes(path):
    midi = pretty_midi.PrettyMIDI(str(path))
    notes = [(n.start, n.end, n.pitch, n.velocity) for i in midi.instruments for n in i.notes]
    return len(np.array(notes))


PROGRAMS = {
    "controlgen": controlgen_notes,
    "symusic": symusic_notes,
    "pretty_midi": pretty_midi_notes,
}


def main():
    folder, limit = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
    every = max(1, len(found) // limit)
    files, refused = [], dict.fromkeys(PROGRAMS, 0)
    n_notes = dict.fromkeys(PROGRAMS, 0)
    warnings.simplefilter("ignore")
    for path in found[::every][:limit]:
        usable = True
        for name, read in PROGRAMS.items():
            try:
                n_notes[name] += read(path)
            except Exception:
                refused[name] += 1
                usable = False
        if usable:
            files.append(path)
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.1f} MB; refused: {refused}; notes: {n_notes}")
    best = {name: np.full(len(files), np.inf) for name in PROGRAMS}
    for at, path in enumerate(files):
        for turn in range(ROUNDS):
            for name, read in PROGRAMS.items():
                # pretty_midi takes hundreds of times as long: once is enough.
                if name == "pretty_midi" and turn > 0:
                    continue
                start = time.perf_counter()
                read(path)
                best[name][at] = min(best[name][at], time.perf_counter() - start)
    for name, seconds in best.items():
        ratio = seconds.mean() / best["controlgen"].mean()
        print(f"{name:12} {1e3 * seconds.mean():8.3f} ms a file {ratio:7.2f}")


if __name__ == "__main__":
    main()
