"""Times symusic and note_seq on the files named on standard input; prints one JSON line.

Bytes are read first, one thread, median of the passes over all files. note_seq is slow: it gets every
N-th file (argument) and one pass. Files a reader refuses count for all, as they do for a corpus builder.
"""
import json, statistics, sys, time, warnings

warnings.filterwarnings('ignore')
passes, every, oracles = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
data = [open(line.rstrip('\n'), 'rb').read() for line in sys.stdin]
result = {}


def files_per_second(work, items, n):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        for item in items:
            try:
                work(item)
            except Exception:
                pass
        times.append(time.perf_counter() - start)
    return len(items) / statistics.median(times)


try:
    import symusic
    result['symusic, ticks'] = files_per_second(lambda b: symusic.Score.from_midi(b), data, passes)
    result['symusic, seconds'] = files_per_second(
        lambda b: symusic.Score.from_midi(b, ttype='second'), data, passes)
except ImportError:
    pass

try:
    import note_seq
    few = data[::every]
    result['note_seq'] = files_per_second(note_seq.midi_to_note_sequence, few, 1)
    sys.path.insert(0, oracles)
    import noteseq_oracle as oracle
    from note_seq import sequences_lib

    def melodies(b):
        for piece in sequences_lib.split_note_sequence_on_time_changes(note_seq.midi_to_note_sequence(b)):
            oracle.melody_label_slices(piece, 2, range(0, 32))

    result['note_seq + 2-bar melodies'] = files_per_second(melodies, few, 1)
except ImportError:
    pass

print(json.dumps(result))
