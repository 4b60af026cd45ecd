"""NoteSequence: files, arrays, pretty_midi."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pretty_midi
import pytest
from conftest import tune_notes

from controlgen import ControlgenError, NoteSequence


def test_notes_survive_a_file(tune, tmp_path):
    path = tmp_path / "tune.mid"
    tune.write(path)
    again = NoteSequence.read(path)
    fields = ["pitch", "velocity", "start_time", "end_time"]
    before, after = tune.notes[fields], again.notes[fields]
    order = ["start_time", "pitch"]
    np.testing.assert_array_equal(np.sort(before, order=order), np.sort(after, order=order))
    assert again.total_time == 16.0
    assert again.ticks_per_quarter == 220
    assert len(again) == 32 + 24


def test_a_file_is_that_of_pretty_midi(tune, tmp_path):
    tune.write(tmp_path / "tune.mid")
    peer = pretty_midi.PrettyMIDI(str(tmp_path / "tune.mid"))
    notes = sorted((n.start, n.pitch, n.end, n.velocity) for i in peer.instruments for n in i.notes)
    own = sorted(zip(*(tune.notes[f] for f in ["start_time", "pitch", "end_time", "velocity"])))
    np.testing.assert_allclose(notes, own, atol=1e-9)


def test_arrays_have_named_fields_and_are_copies(tune):
    notes = tune.notes
    assert notes.dtype.names == (
        "start_time",
        "end_time",
        "pitch",
        "velocity",
        "program",
        "is_drum",
        "instrument",
    )
    assert notes["pitch"].tolist()[:4] == [60, 65, 71, 62]
    assert notes["velocity"].tolist() == [80] * 56
    notes["pitch"] = 1
    assert tune.notes["pitch"].max() == 72
    assert tune.tempos.tolist() == [(0.0, 120.0)]
    assert tune.time_signatures.tolist() == [(0.0, 4, 4)]
    assert len(NoteSequence().notes) == 0
    assert NoteSequence().notes.dtype == notes.dtype


def test_notes_come_from_arrays_dictionaries_and_tables(tune):
    assert NoteSequence.from_notes(tune.notes) == tune
    assert NoteSequence.from_notes(pd.DataFrame(tune_notes())) == tune
    # Fields are found by name, whatever their order.
    reordered = np.zeros(56, [("is_drum", "?"), ("pitch", "i2"), ("end_time", "f4"), ("start_time", "f4")])
    for name in ["pitch", "start_time", "end_time"]:
        reordered[name] = tune.notes[name]
    assert NoteSequence.from_notes(reordered) == tune


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"pitch": np.full(56, 128)}, ControlgenError, "128"),
        ({"pitch": np.full(56, 60.5)}, TypeError, "same_kind"),
        ({"velocity": np.full(56, -1)}, ControlgenError, "-1"),
        ({"end_time": np.full(56, np.nan)}, ControlgenError, "note 0"),
        ({"end_time": np.full(56, -1.0)}, ControlgenError, "end before it starts"),
        ({"velocity": np.full(3, 80)}, ControlgenError, "different lengths"),
    ],
)
def test_notes_that_can_not_be_are_refused(change, error, text):
    with pytest.raises(error, match=text):
        NoteSequence.from_notes({**tune_notes(), **change})


def test_errors_are_exceptions_with_our_texts(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.mid"):
        NoteSequence.read(tmp_path / "nowhere.mid")
    with pytest.raises(IsADirectoryError):
        NoteSequence.read(tmp_path)
    (tmp_path / "text.mid").write_text("This is not music.")
    with pytest.raises(ControlgenError, match="text.mid can't be read"):
        NoteSequence.read(tmp_path / "text.mid")
    with pytest.raises(ControlgenError, match="'lenient', 'strict' and 'parity'"):
        NoteSequence.read(tmp_path / "text.mid", mode="loose")
    with pytest.raises(ControlgenError):
        NoteSequence.from_json("[1, 2")
    assert issubclass(ControlgenError, ValueError)


def test_damage_is_counted_by_reason(tune, tmp_path):
    data = tune.to_midi()
    (tmp_path / "cut.mid").write_bytes(data[:-12])
    sequence, report = NoteSequence.read_with_report(tmp_path / "cut.mid")
    assert len(sequence) > 0
    assert sum(report["repair_counts"].values()) > 0
    with pytest.raises(ControlgenError):
        NoteSequence.read(tmp_path / "cut.mid", mode="strict")


def test_quantizing_and_back(tune):
    quantized = tune.quantize(4)
    assert quantized.notes["start_step"].tolist()[:3] == [0, 4, 8]
    assert (quantized.total_steps, quantized.steps_per_bar) == (128, 16.0)
    assert quantized.steps_per_quarter == 4
    np.testing.assert_array_equal(quantized.to_sequence().notes["pitch"], tune.notes["pitch"])
    with pytest.raises(ControlgenError, match="1 or more"):
        tune.quantize(0)


def test_piano_rolls(tune):
    roll = tune.piano_roll(10)
    # 16 s at 10 frames a second, and the frame that the end lies in.
    assert roll.active.shape == roll.onsets.shape == roll.velocities.shape == (161, 128)
    assert roll.active[:20, 48].all() and roll.active[:5, 60].all() and not roll.active[5, 60]
    assert roll.onsets[:, 48].sum() == 8
    assert set(np.unique(roll.velocities)) == {0, 80}
    assert not tune.piano_roll(10, drums=True).active.any()
    with pytest.raises(ControlgenError, match="positive"):
        tune.piano_roll(0)


def full_midi():
    """A pretty_midi object with everything that it can have."""
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=100)
    piano, drums = pretty_midi.Instrument(5, name="keys"), pretty_midi.Instrument(0, is_drum=True)
    # Times that no tick has.
    piano.notes = [pretty_midi.Note(64, 60, 0.1234567, 0.7654321), pretty_midi.Note(1, 61, 1.5, 2.25)]
    piano.pitch_bends = [pretty_midi.PitchBend(-8192, 0.3), pretty_midi.PitchBend(100, 0.4)]
    piano.control_changes = [pretty_midi.ControlChange(64, 127, 0.2)]
    drums.notes = [pretty_midi.Note(100, 36, 0.0, 0.25)]
    midi.instruments = [piano, drums]
    midi.time_signature_changes = [pretty_midi.TimeSignature(6, 8, 0.0)]
    midi.key_signature_changes = [pretty_midi.KeySignature(9 + 12, 0.0)]
    midi.lyrics = [pretty_midi.Lyric("la", 0.6)]
    return midi


def test_pretty_midi_there_and_back():
    sequence = NoteSequence.from_pretty_midi(full_midi())
    assert sequence.notes["start_time"].tolist() == [0.1234567, 1.5, 0.0]
    assert sequence.notes["program"].tolist() == [5, 5, 0]
    assert sequence.notes["is_drum"].tolist() == [False, False, True]
    assert sequence.tempos.tolist() == [(0.0, pytest.approx(100.0))]
    assert sequence.key_signatures.tolist() == [(0.0, 9, True)]
    assert sequence.time_signatures.tolist() == [(0.0, 6, 8)]
    assert sequence.pitch_bends["bend"].tolist() == [-8192, 100]
    assert sequence.control_changes[["control_number", "control_value"]].tolist() == [(64, 127)]
    assert sequence.text_annotations == [(0.6, "la", "lyric")]
    assert (sequence.ticks_per_quarter, sequence.instrument_names) == (480, {0: "keys"})
    assert sequence.total_time == 2.25

    back = sequence.to_pretty_midi()
    again = NoteSequence.from_pretty_midi(back)
    # Signatures, tempo and texts went through ticks, notes and controllers did not.
    for field in ["notes", "pitch_bends", "control_changes"]:
        np.testing.assert_array_equal(getattr(again, field), getattr(sequence, field))
    assert again.text_annotations[0][0] == pytest.approx(0.6, abs=60 / 100 / 480)
    assert [signature.numerator for signature in back.time_signature_changes] == [6]
    assert [key.key_number for key in back.key_signature_changes] == [21]


def test_tempo_changes_go_to_pretty_midi():
    message = (
        '{"ticksPerQuarter": 480, "totalTime": 3.0,'
        ' "tempos": [{"qpm": 120.0}, {"time": 1.0, "qpm": 60.0}],'
        ' "notes": [{"pitch": 60, "velocity": 9, "startTime": 1.0, "endTime": 3.0}]}'
    )
    midi = NoteSequence.from_json(message).to_pretty_midi()
    times, tempi = midi.get_tempo_changes()
    np.testing.assert_allclose(times, [0.0, 1.0])
    np.testing.assert_allclose(tempi, [120.0, 60.0])


def test_pickles_and_copies_are_exact(tune):
    midi = full_midi()
    midi.instruments[0].notes[0].velocity = 0
    silent = NoteSequence.from_json('{"notes": [{"pitch": 60, "velocity": 0, "endTime": 1.0}]}')
    for sequence in [tune, NoteSequence(), NoteSequence.from_pretty_midi(midi), silent]:
        assert pickle.loads(pickle.dumps(sequence)) == sequence
        assert copy.deepcopy(sequence) == sequence
    lyric = NoteSequence.from_pretty_midi(midi)
    assert pickle.loads(pickle.dumps(lyric)).text_annotations == [(0.6, "la", "lyric")]


def test_music_is_edited_by_making_other_music(tune):
    up = tune.transpose(12)
    np.testing.assert_array_equal(up.notes["pitch"], tune.notes["pitch"] + 12)
    part = tune.extract(2.0, 4.0)
    assert part.total_time == 2.0 and part.notes["start_time"].min() == 0.0
    both = NoteSequence.concatenate([tune, up])
    assert len(both) == 2 * len(tune) and both.total_time == 32.0
    (only,) = tune.split_on_time_changes()
    assert sorted(only.notes.tolist()) == sorted(tune.notes.tolist())


def test_threads_share_sequences(tune, tmp_path):
    tune.write(tmp_path / "tune.mid")
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(NoteSequence.read, [tmp_path / "tune.mid"] * 64))
        rolls = list(pool.map(lambda s: s.piano_roll(20).active, read))
    assert all(sequence == read[0] for sequence in read)
    assert all((roll == rolls[0]).all() for roll in rolls)
