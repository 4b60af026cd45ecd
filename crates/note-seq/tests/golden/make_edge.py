"""What Python's note_seq makes of the edge cases, one compact JSON line a file.

  python make_edge.py ORACLES EDGE_MIDI > edge.jsonl

ORACLES is the folder of noteseq_oracle.py, EDGE_MIDI that of the files. Times keep all their digits. Left out is
what follows from the rest: of quantized notes stand only the steps (and, in segments, the pitch), and labels are
written in runs, `label` or `labelxcount`.
"""
import itertools
import json
import os
import sys

oracles, folder = sys.argv[1:]
sys.path.insert(0, oracles)
import noteseq_oracle as oracle  # noqa: E402

oracle.r = float


def runs(labels):
    grouped = ((label, len(list(group))) for label, group in itertools.groupby(labels))
    return ' '.join(f'{label}x{n}' if n > 1 else f'{label}' for label, n in grouped)


def steps(quantized, columns):
    return quantized.get('error') or {
        'total': quantized['total_steps'], 'notes': [[row[c] for c in columns] for row in quantized['notes']]}


for name in sorted(os.listdir(folder)):
    answer = oracle.oracle(os.path.join(folder, name), set(oracle.ALL))
    compact = {'file': name.removesuffix('.mid')}
    if 'error' in answer:
        compact['refused'] = True
    else:
        for key in ('ticks_per_quarter', 'total_time', 'tempos', 'time_signatures', 'key_signatures',
                    'instrument_names', 'counts', 'notes'):
            compact[key] = answer[key]
        compact['quantized'] = steps(answer['quantized'], (1, 2))
        compact['segments'] = [
            {key: segment[key] for key in ('start', 'total_time', 'tempos', 'time_signatures')}
            | {'steps_per_bar': segment['quantized'].get('steps_per_bar'),
               'quantized': steps(segment['quantized'], (0, 1, 2))}
            | {key: [runs(window) for window in segment[key]] for key in ('mel2', 'mel16', 'drums2', 'drums16')}
            | {'trio16': [[runs(part) for part in window] for window in segment['trio16']]}
            for segment in answer['segments']]
    print(json.dumps(compact, separators=(',', ':')))
