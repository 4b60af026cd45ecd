"""Compares MusicXML with the MIDI files next to it, with readers from PyPI: music21 and mido.

    pip install music21 mido
    python musicxml.py FOLDER

For every NAME.mid in the folder that has a NAME.musicxml, as `controlgen generate --musicxml` and
the example `midi_to_musicxml` write them: the notes of each part that music21 finds must be those
of the MIDI file, each with its onset, its pitch (of drums, the key) and its duration, on the score's
grid. Measures, meters and tempos must agree with it, too. Exits with 1 if anything differs.
"""

import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import mido
from music21 import converter, note, percussion, stream, tempo

sys.setrecursionlimit(10000)


def rounded(value):
    """To the nearest whole number, halves up."""
    return int(value + Fraction(1, 2))


def drum_key(key):
    """A percussion key; -1 outside General MIDI, where all are written alike."""
    return key if 35 <= key <= 81 else -1


def drum_looks(path):
    """Percussion keys by place and head of their notes: of notes in chords, music21 forgets which
    instrument they are of."""
    root = ElementTree.parse(path)
    keys = {}
    for of in root.iter("midi-instrument"):
        unpitched = of.find("midi-unpitched")
        if unpitched is not None:
            keys[of.get("id")] = drum_key(int(unpitched.text) - 1)
    looks = {}
    for element in root.iter("note"):
        place = element.find("unpitched")
        if place is not None:
            step = place.findtext("display-step"), int(place.findtext("display-octave"))
            key = keys[element.find("instrument").get("id")]
            known = looks.setdefault((*step, element.findtext("notehead") or "normal"), key)
            assert known == key, f"keys {known} and {key} look alike"
    return looks


def midi_notes(path, divisions):
    """Counter of (is drum, start, end, pitch), and the tempos by step."""
    file = mido.MidiFile(path, clip=True)
    quarter = file.ticks_per_beat
    step = lambda ticks: rounded(Fraction(ticks * divisions, quarter))
    notes, tempos = Counter(), {}
    open_notes = {}
    events = []
    for number, track in enumerate(file.tracks):
        ticks = 0
        for order, message in enumerate(track):
            ticks += message.time
            events.append((ticks, number, order, message))
    events.sort(key=lambda event: event[:3])
    for ticks, number, _, message in events:
        if message.type == "set_tempo":
            tempos[step(ticks)] = 6e7 / message.tempo
        if message.type not in ("note_on", "note_off"):
            continue
        key = (number, message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            open_notes.setdefault(key, []).append((ticks, message.velocity))
        elif open_notes.get(key):
            start, _ = open_notes[key].pop(0)
            first = step(start)
            last = max(step(ticks), first + 1)
            drum = message.channel == 9
            notes[(drum, first, last, drum_key(message.note) if drum else message.note)] += 1
    return notes, tempos


def score_notes(path, divisions):
    """The same of the score, tied notes as one, with the ties followed voice by voice."""
    score = converter.parse(path, format="musicxml", forceSource=True)
    notes, tempos, bars = Counter(), {}, []
    looks = drum_looks(path)
    step = lambda quarters: Fraction(quarters).limit_denominator(960) * divisions
    for number, part in enumerate(score.parts):
        is_open = {}
        found = []
        for measure in part.getElementsByClass(stream.Measure):
            begin = step(measure.offset)
            if number == 0:
                bars.append(step(measure.duration.quarterLength))
            voices = list(measure.voices) or [measure]
            for voice in voices:
                for element in voice.notesAndRests:
                    if element.isRest:
                        continue
                    members = [element]
                    if isinstance(element, percussion.PercussionChord) or element.isChord:
                        members = list(element.notes)
                    start = begin + step(element.offset + (voice.offset if voice is not measure else 0))
                    end = start + step(element.duration.quarterLength)
                    for member in members:
                        drum = isinstance(member, note.Unpitched)
                        if drum:
                            head = member.notehead or "normal"
                            place = (member.displayStep, member.displayOctave)
                            pitch = looks[(*place, head)]
                        else:
                            pitch = member.pitch.midi
                        found.append((start, end, str(voice.id), drum, pitch, member.tie))
        for start, end, voice, drum, pitch, tie in sorted(found, key=lambda f: f[:5]):
            kind = tie.type if tie else None
            if kind in ("stop", "continue"):
                # music21 forgets the number of a voice that is alone in its measure.
                begun = is_open.get((pitch, start))
                assert begun, f"a tie ends where none began: {pitch} at {start}"
                same = [at for at, (of, _) in enumerate(begun) if of == voice]
                _, first = begun.pop(same[0] if same else 0)
                if not begun:
                    del is_open[(pitch, start)]
            else:
                first = start
            if kind in ("start", "continue"):
                is_open.setdefault((pitch, end), []).append((voice, first))
            else:
                notes[(drum, int(first), int(end), pitch)] += 1
        assert not is_open, f"ties go on past the end: {is_open}"
        for mark in part.recurse().getElementsByClass(tempo.MetronomeMark):
            at = step(mark.getOffsetInHierarchy(part))
            bpm = mark.numberSounding or mark.number
            if bpm:
                tempos[at] = float(bpm)
    return notes, tempos, bars


def compare(midi, xml):
    divisions = int(next(ElementTree.parse(xml).iter("divisions")).text)
    expected, midi_tempos = midi_notes(midi, divisions)
    found, tempos, bars = score_notes(xml, divisions)
    problems = []
    for what, notes in (("missing", expected - found), ("only in the score", found - expected)):
        if notes:
            problems.append(f"{sum(notes.values())} notes {what}, such as {sorted(notes)[:3]}")
    for at, bpm in tempos.items():
        nearest = midi_tempos.get(at)
        if nearest is not None and abs(nearest - bpm) > 0.01:
            problems.append(f"tempo {bpm} at {at}, {nearest} in the MIDI file")
    if len(set(midi_tempos.values())) > 1 and len(tempos) < 2:
        problems.append("changes of tempo are missing")
    return sum(expected.values()), problems


def main():
    (folder,) = sys.argv[1:]
    n_files = n_notes = n_wrong = 0
    for midi in sorted(Path(folder).glob("*.mid")):
        xml = midi.with_suffix(".musicxml")
        if not xml.exists():
            continue
        n, problems = compare(midi, xml)
        n_files, n_notes = n_files + 1, n_notes + n
        n_wrong += bool(problems)
        for problem in problems:
            print(f"{midi.name}: {problem}")
    print(f"{n_files} scores with {n_notes} notes; {n_wrong} differ from their MIDI files")
    sys.exit(n_wrong > 0 or n_files == 0)


if __name__ == "__main__":
    main()
