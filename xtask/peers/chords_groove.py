"""Chords and grooves of MIDI files with Python's note_seq, for `cargo xtask parity notes`.

  python chords_groove.py EVERY < file names, one per line

Prints one JSON line for each file that note_seq reads. `groove`: the number of steps, and each hit as
[step, drum, velocity, offset] in single precision, or the reason why there is no groove. `chords` (for
every EVERY-th file, because the search is slow): for each of the first stretches of constant tempo and
meter, the chord changes as [time, step, symbol], or null if note_seq fails.

Quantization and chords are note_seq's own; the groove is computed here from its definition.
"""
import json
import math
import struct
import sys
import warnings

warnings.filterwarnings('ignore')
import note_seq  # noqa: E402
from note_seq import chord_inference, sequences_lib  # noqa: E402

EVERY = int(sys.argv[1])
N_STRETCHES = 6
STEPS_PER_BAR = 16
KITS = [[36], [38, 37, 40], [42, 22, 44], [46, 26], [43, 58], [47, 45], [50, 48], [49, 52, 55, 57], [51, 53, 59]]
DRUM = {pitch: drum for drum, pitches in enumerate(KITS) for pitch in pitches}

REFUSALS = (note_seq.BadTimeSignatureError, note_seq.NegativeTimeError, note_seq.MultipleTempoError,
            note_seq.MultipleTimeSignatureError)


def single(x):
    return struct.unpack('f', struct.pack('f', x))[0]


def groove(sequence):
    try:
        quantized = note_seq.quantize_note_sequence(sequence, 4)
        if note_seq.steps_per_bar_in_quantized_sequence(quantized) != STEPS_PER_BAR:
            return 'bars'
    except REFUSALS as error:
        return type(error).__name__
    notes = [n for n in quantized.notes if n.pitch in DRUM]
    if not notes:
        return 'no notes'
    length = 60.0 / quantized.tempos[0].qpm / 4
    loudest = {}
    for note in notes:
        place = note.quantized_start_step, DRUM[note.pitch]
        if place not in loudest or note.velocity > loudest[place].velocity:
            loudest[place] = note
    n_bars = math.ceil((1 + max(n.quantized_start_step for n in notes)) / STEPS_PER_BAR)
    hits = [
        [step, drum, single(note.velocity / 127.0), single((length * step - note.start_time) / length * 2)]
        for (step, drum), note in sorted(loudest.items())]
    return {'n_steps': n_bars * STEPS_PER_BAR, 'hits': hits}


def chords(piece):
    try:
        quantized = note_seq.quantize_note_sequence(piece, 4)
        chord_inference.infer_chords_for_sequence(quantized)
    except Exception:
        return None
    kind = note_seq.NoteSequence.TextAnnotation.CHORD_SYMBOL
    return [[t.time, t.quantized_step, t.text] for t in quantized.text_annotations if t.annotation_type == kind]


for number, line in enumerate(sys.stdin):
    path = line.rstrip('\n')
    try:
        sequence = note_seq.midi_file_to_note_sequence(path)
    except note_seq.MIDIConversionError:
        continue
    answer = {'file': path, 'groove': groove(sequence)}
    if number % EVERY == 0:
        pieces = sequences_lib.split_note_sequence_on_time_changes(sequence)[:N_STRETCHES]
        answer['chords'] = [chords(piece) for piece in pieces]
    print(json.dumps(answer, separators=(',', ':')), flush=True)
