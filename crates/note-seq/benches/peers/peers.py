"""The Python side of `peers.rs`: times symusic, note_seq and Magenta's encodings, or counts notes.

Standard input: file names, one a line, up to an empty line; then commands, one a line. Each command is answered
with one JSON line. Bytes are read first; everything runs on one thread. Files that a reader refuses count for
all, as they do for whoever builds a corpus. The argument is the folder of `noteseq_oracle.py`.
"""
import io
import json
import sys
import time
import warnings

warnings.filterwarnings('ignore')
sys.path.insert(0, sys.argv[1])

# note_seq is slow, so it reads only one of EVERY files.
EVERY = 10


def names():
    for line in iter(sys.stdin.readline, ''):
        if line == '\n':
            return
        yield line.rstrip('\n')


paths = list(names())
data = [open(path, 'rb').read() for path in paths]


def timed(work, items):
    start = time.perf_counter()
    for item in items:
        try:
            work(item)
        except Exception:
            pass
    return {'seconds': time.perf_counter() - start, 'files': len(items)}


def symusic_read():
    import symusic
    return timed(lambda b: symusic.Score.from_midi(b, ttype='second'), data)


def note_seq_read():
    import note_seq
    return timed(note_seq.midi_to_note_sequence, data[::EVERY])


def pieces():
    import note_seq
    found = []
    for b in data[::EVERY]:
        try:
            found.append(note_seq.sequences_lib.split_note_sequence_on_time_changes(note_seq.midi_to_note_sequence(b)))
        except Exception:
            found.append([])
    return found


def note_seq_quantize():
    import note_seq
    return timed(lambda ps: [note_seq.quantize_note_sequence(p, 4) for p in ps], pieces())


def encode(*encodings):
    import note_seq

    def work(b):
        sequence = note_seq.midi_to_note_sequence(b)
        for piece in note_seq.sequences_lib.split_note_sequence_on_time_changes(sequence):
            for encoding in encodings:
                encoding(piece)
    return timed(work, data[::EVERY])


def note_seq_melodies():
    import noteseq_oracle as oracle
    return encode(lambda p: oracle.melody_label_slices(p, 2, range(32)))


def note_seq_encodings():
    import noteseq_oracle as oracle
    return encode(
        lambda p: oracle.melody_label_slices(p, 2, range(32)), lambda p: oracle.melody_label_slices(p, 16),
        lambda p: oracle.drum_label_slices(p, 2), lambda p: oracle.drum_label_slices(p, 16), oracle.trio_slices)


def counts():
    """Notes of each file by each reader, -1 where it refuses: mido, mido with `clip`, symusic."""
    import mido
    import symusic

    def by_mido(b, clip):
        tracks = mido.MidiFile(file=io.BytesIO(b), clip=clip).tracks
        return sum(e.type == 'note_on' and e.velocity > 0 for track in tracks for e in track)

    def tried(reader, *arguments):
        try:
            return reader(*arguments)
        except Exception:
            return -1
    return [[tried(by_mido, b, False), tried(by_mido, b, True),
             tried(lambda b: symusic.Score.from_midi(b).note_num(), b)] for b in data]


for command in iter(sys.stdin.readline, ''):
    try:
        answer = globals()[command.strip()]()
    except ImportError:
        answer = None
    print(json.dumps(answer), flush=True)
