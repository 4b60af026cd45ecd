"""`NoteSequence` to and from `pretty_midi.PrettyMIDI`."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from ._controlgen import NoteSequence


def to_pretty_midi(sequence: NoteSequence) -> Any:
    """The sequence with an instrument for each number, program and kind; see `NoteSequence`."""
    import pretty_midi

    # The tempo map, signatures and texts go through a MIDI file; pretty_midi has no public way to
    # set tempo changes. Notes and controllers don't: their times would be rounded to ticks.
    midi = pretty_midi.PrettyMIDI(io.BytesIO(sequence._without_notes().to_midi()))
    instruments: dict[tuple[int, int, bool], Any] = {}
    names = sequence.instrument_names

    def instrument(row: Any) -> Any:
        key = (int(row["instrument"]), int(row["program"]), bool(row["is_drum"]))
        if key not in instruments:
            number, program, is_drum = key
            instruments[key] = pretty_midi.Instrument(program, is_drum, names.get(number, ""))
        return instruments[key]

    for note in sequence.notes:
        instrument(note).notes.append(
            pretty_midi.Note(
                int(note["velocity"]),
                int(note["pitch"]),
                float(note["start_time"]),
                float(note["end_time"]),
            )
        )
    for bend in sequence.pitch_bends:
        instrument(bend).pitch_bends.append(
            pretty_midi.PitchBend(int(bend["bend"]), float(bend["time"]))
        )
    for change in sequence.control_changes:
        instrument(change).control_changes.append(
            pretty_midi.ControlChange(
                int(change["control_number"]), int(change["control_value"]), float(change["time"])
            )
        )
    midi.instruments = [instruments[key] for key in sorted(instruments)]
    return midi


def from_pretty_midi(midi: Any) -> NoteSequence:
    """A sequence with everything in a `PrettyMIDI`; its instruments are numbered in order."""
    tempo_times, tempi = midi.get_tempo_changes()
    notes, bends, changes, names = [], [], [], []
    for number, instrument in enumerate(midi.instruments):
        of = {
            "instrument": number,
            "program": int(instrument.program),
            "isDrum": bool(instrument.is_drum),
        }
        if instrument.name:
            names.append({"instrument": number, "name": str(instrument.name)})
        for note in instrument.notes:
            times = {"startTime": float(note.start), "endTime": float(note.end)}
            sounds = {"pitch": int(note.pitch), "velocity": int(note.velocity)}
            notes.append({**sounds, **times, **of})
        for bend in instrument.pitch_bends:
            bends.append({"time": float(bend.time), "bend": int(bend.pitch), **of})
        for change in instrument.control_changes:
            control = {"controlNumber": int(change.number), "controlValue": int(change.value)}
            changes.append({"time": float(change.time), **control, **of})
    message = {
        "ticksPerQuarter": int(midi.resolution),
        "totalTime": float(max((note["endTime"] for note in notes), default=0.0)),
        "notes": notes,
        "tempos": [
            {"time": float(time), "qpm": float(qpm)}
            for time, qpm in zip(tempo_times, np.asarray(tempi), strict=True)
        ],
        "timeSignatures": [
            {
                "time": float(change.time),
                "numerator": int(change.numerator),
                "denominator": int(change.denominator),
            }
            for change in midi.time_signature_changes
        ],
        # pretty_midi's key numbers are 0 to 11 for major, 12 to 23 for minor keys.
        "keySignatures": [
            {
                "time": float(change.time),
                "key": int(change.key_number) % 12,
                "mode": "MINOR" if change.key_number >= 12 else "MAJOR",
            }
            for change in midi.key_signature_changes
        ],
        "pitchBends": bends,
        "controlChanges": changes,
        "textAnnotations": [
            *(_text(event, "LYRIC") for event in midi.lyrics),
            *(_text(event, "UNKNOWN") for event in midi.text_events),
        ],
        "instrumentInfos": names,
    }
    return NoteSequence.from_json(json.dumps(message))


def _text(event: Any, kind: str) -> dict[str, Any]:
    return {"time": float(event.time), "text": str(event.text), "annotationType": kind}
