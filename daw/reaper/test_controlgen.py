"""The REAPER script, in a Lua interpreter, with the real program and a stand-in for REAPER.

    CONTROLGEN=target/release/controlgen python -m pytest daw/reaper     # needs lupa and pytest

The stand-in knows the functions that the script calls, with the arguments and results that we know of from
the documentation of REAPER; a function that is not in it is an error. REAPER itself is not here.
"""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from lupa import lua54

SCRIPT = Path(__file__).with_name("controlgen.lua")
PROGRAM = os.environ.get("CONTROLGEN", "")
PPQ = 960


class Track:
    def __init__(self, name=""):
        self.name, self.items = name, []


class Item:
    """A MIDI item; its notes are in ticks from its start, `(start, stop, channel, pitch, velocity)`."""

    def __init__(self, track, start, stop, notes=(), is_midi=True):
        self.track, self.start, self.stop = track, start, stop
        self.notes, self.muted, self.is_midi = list(notes), set(), is_midi
        track.items.append(self)


class Reaper:
    """A project with one tempo change and a list of meters, and the functions of its interface."""

    def __init__(self, resources, meters=None, tempi=((0.0, 120.0),)):
        # Meters are (first measure, numerator, denominator), tempi (quarter, quarters a minute).
        self.meters = meters or [(0, 4, 4)]
        self.tempi = list(tempi)
        self.tracks, self.selected = [], None
        self.resources = resources
        self.state = {("controlgen", "program"): PROGRAM}
        self.inputs, self.menus, self.shown_menus = [], [], []
        self.messages, self.undo, self.commands = [], [], []

    # The tempo map.
    def measures(self):
        start, number = 0.0, 0
        while number < 400:
            _, numerator, denominator = [m for m in self.meters if m[0] <= number][-1]
            stop = start + numerator * 4.0 / denominator
            yield number, start, stop, numerator, denominator
            start, number = stop, number + 1

    def time(self, qn):
        seconds = 0.0
        for i, (at, qpm) in enumerate(self.tempi):
            end = self.tempi[i + 1][0] if i + 1 < len(self.tempi) else float("inf")
            seconds += max(0.0, min(qn, end) - at) * 60.0 / qpm
        return seconds

    def qn(self, seconds):
        low, high = 0.0, 1e4
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if self.time(middle) <= seconds else (low, middle)
        return round(low, 9)

    # The interface.
    def GetExtState(self, section, key):
        return self.state.get((section, key), "")

    def SetExtState(self, section, key, value, _persist):
        self.state[section, key] = value

    def GetUserInputs(self, title, n, captions, defaults):
        captions = captions.split(",")
        assert captions[n:] == ["extrawidth=200", "separator=\n"], captions
        assert len(defaults.split("\n")) == n
        answer = self.inputs.pop(0)
        if answer is None:
            return False, defaults
        values = defaults.split("\n")
        for caption, value in answer.items():
            values[[c.startswith(caption) for c in captions].index(True)] = value
        return True, "\n".join(values)

    def GetSelectedMediaItem(self, _project, index):
        return self.selected if index == 0 else None

    def GetActiveTake(self, item):
        return item

    def TakeIsMIDI(self, take):
        return take.is_midi

    def GetMediaItemInfo_Value(self, item, name):
        return {"D_POSITION": item.start, "D_LENGTH": item.stop - item.start}[name]

    def GetMediaItem_Track(self, item):
        return item.track

    def GetMediaTrackInfo_Value(self, track, name):
        assert name == "IP_TRACKNUMBER"
        return float(self.tracks.index(track) + 1)

    def MIDI_CountEvts(self, take):
        return True, len(take.notes), 0, 0

    def MIDI_GetNote(self, take, index):
        start, stop, channel, pitch, velocity = take.notes[index]
        return True, False, index in take.muted, float(start), float(stop), channel, pitch, velocity

    def MIDI_GetProjQNFromPPQPos(self, take, ppq):
        return self.qn(take.start) + ppq / PPQ

    def MIDI_GetPPQPosFromProjQN(self, take, qn):
        return (qn - self.qn(take.start)) * PPQ

    def TimeMap2_timeToQN(self, _project, seconds):
        return self.qn(seconds)

    def TimeMap2_QNToTime(self, _project, qn):
        return self.time(qn)

    def TimeMap2_timeToBeats(self, _project, seconds):
        qn = self.qn(seconds)
        for number, start, stop, numerator, denominator in self.measures():
            if start <= qn < stop:
                return (qn - start) * denominator / 4, number, numerator, qn, denominator

    def TimeMap_GetMeasureInfo(self, _project, measure):
        for number, start, stop, numerator, denominator in self.measures():
            if number == measure:
                return self.time(start), start, stop, numerator, denominator, 120.0

    def InsertTrackAtIndex(self, index, _defaults):
        self.tracks.insert(index, Track())

    def GetTrack(self, _project, index):
        return self.tracks[index]

    def GetSetMediaTrackInfo_String(self, track, name, value, is_set):
        assert name == "P_NAME" and is_set
        track.name = value
        return True, value

    def CreateNewMIDIItemInProj(self, track, start, stop, _in_qn):
        return Item(track, start, stop)

    def MIDI_InsertNote(self, take, _selected, _muted, start, stop, channel, pitch, velocity, _no_sort):
        assert 0 <= channel < 16 and 0 <= pitch < 128 and 0 < velocity < 128
        take.notes.append((start, stop, channel, pitch, velocity))
        return True

    def MIDI_Sort(self, take):
        take.notes.sort()

    def GetResourcePath(self):
        return str(self.resources)

    def RecursiveCreateDirectory(self, path, _ignored):
        Path(path).mkdir(parents=True, exist_ok=True)
        return 1

    def ExecProcess(self, line, timeout):
        assert timeout == 0
        self.commands.append(line)
        try:
            done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        # Whether REAPER gives standard error is not documented: not here.
        return f"{done.returncode}\n{done.stdout}"

    def ShowMessageBox(self, text, title, kind):
        self.messages.append(text)
        return 1

    def time_precise(self):
        return 1234.5

    def PreventUIRefresh(self, change):
        self.undo.append(change)

    def Undo_BeginBlock(self):
        self.undo.append("begin")

    def Undo_EndBlock(self, text, _flags):
        self.undo.append(text)

    def UpdateArrange(self):
        self.undo.append("update")

    # gfx
    def showmenu(self, text):
        self.shown_menus.append(text.split("|"))
        return self.menus.pop(0)

    def run(self):
        lua = lua54.LuaRuntime(encoding=None, unpack_returned_tuples=True)

        def to_lua(value):
            return value.encode() if isinstance(value, str) else value

        def wrapped(function):
            def call(*args):
                args = [a.decode() if isinstance(a, bytes) else a for a in args]
                result = function(*args)
                return tuple(map(to_lua, result)) if isinstance(result, tuple) else to_lua(result)

            return call

        names = [name for name in dir(Reaper) if name[0].isupper() or name == "time_precise"]
        functions = {name.encode(): wrapped(getattr(self, name)) for name in names}
        lua.globals()[b"reaper"] = lua.table_from(functions)
        lua.globals()[b"gfx"] = lua.table_from({
            b"init": lambda *_: None,
            b"quit": lambda: None,
            b"mouse_x": 0,
            b"mouse_y": 0,
            b"showmenu": wrapped(self.showmenu),
        })
        lua.execute(SCRIPT.read_bytes())


# A scale in quarters over held chords, as (quarter, quarters, pitch).
def tune(n_bars):
    notes = []
    for beat in range(4 * n_bars):
        pitch = [60, 62, 64, 65, 67, 69, 71, 72][(3 * beat + beat // 8) % 8]
        notes.append((beat, 1, pitch))
    for bar in range(n_bars):
        notes.extend((4 * bar, 4, pitch) for pitch in (48, 52, 55))
    return notes


def project(tmp_path, *, at=8.0, n_bars=4, before=0.0, **map_of):
    """A project with an item that begins `before` quarters before the tune, which is at a quarter."""
    reaper = Reaper(tmp_path, **map_of)
    track = Track("tune")
    reaper.tracks = [track, Track("another")]
    notes = [
        (round((start + before) * PPQ), round((start + before + length) * PPQ), 0, pitch, 80)
        for start, length, pitch in tune(n_bars)
    ]
    item = Item(track, reaper.time(at - before), reaper.time(at + 4 * n_bars), notes)
    reaper.selected = item
    return reaper


def quarters(reaper, item):
    """The notes of an item, in quarters of the project."""
    first = reaper.qn(item.start)
    return [(first + start / PPQ, first + stop / PPQ, pitch) for start, stop, _, pitch, _ in item.notes]


needs_program = pytest.mark.skipif(not PROGRAM, reason="CONTROLGEN does not name the program")


@needs_program
def test_variations_are_laid_at_the_bar_of_the_item(tmp_path):
    reaper = project(tmp_path, at=8.0, n_bars=4)
    reaper.menus, reaper.inputs = [1], [{"Distance": "0.3", "Versions": "2", "Seed": "1"}]
    reaper.run()
    assert reaper.messages == []
    assert reaper.shown_menus[0] == ["Vary", "Mix toward a style", "Accompany in a style", "Continue"]
    assert [track.name for track in reaper.tracks] == ["tune", "Vary 1", "Vary 2", "another"]
    for track in reaper.tracks[1:3]:
        (item,) = track.items
        assert (reaper.qn(item.start), reaper.qn(item.stop)) == (8.0, 24.0)
        notes = quarters(reaper, item)
        assert len(notes) > 4
        assert all(8.0 <= start < stop <= 24.0 + 1e-6 for start, stop, _ in notes)
    assert reaper.tracks[1].items[0].notes != reaper.tracks[2].items[0].notes
    assert reaper.undo == ["begin", 1, -1, "controlgen: Vary", "update"]


@needs_program
def test_distance_0_gives_back_the_item(tmp_path):
    # Under two tempi, from the middle of a bar, with a note that the item's edge hides.
    reaper = project(tmp_path, at=12.0, before=1.5, tempi=((0.0, 100.0), (14.0, 80.0)))
    reaper.selected.notes.append((-960, 0, 0, 30, 99))
    reaper.selected.notes.append((0, 960, 0, 31, 99))
    reaper.selected.muted = {len(reaper.selected.notes) - 1}
    reaper.menus, reaper.inputs = [1], [{"Distance": "0", "Versions": "1"}]
    reaper.run()
    assert reaper.messages == []
    item = reaper.tracks[1].items[0]
    assert reaper.qn(item.start) == pytest.approx(12.0)
    # The model gives back the chords that are held for bars, where they are.
    own = {(start + 12.0, pitch % 12) for start, _, pitch in tune(4)}
    found = {(round(start, 3), pitch % 12) for start, _, pitch in quarters(reaper, item)}
    assert len(own & found) > len(own) / 3
    assert "--seed" in reaper.commands[0] and '"1234500"' in reaper.commands[0]


@needs_program
def test_mixing_and_accompanying_ask_for_a_style(tmp_path):
    reaper = project(tmp_path)
    reaper.menus, reaper.inputs = [2, 2], [{"Strength": "0.8", "Seed": "3"}]
    reaper.run()
    assert reaper.messages == []
    styles = reaper.shown_menus[1]
    assert len(styles) > 2 and ":" in styles[1]
    name = styles[1].split(":")[0]
    assert [track.name for track in reaper.tracks[:3]] == ["tune", f"Mix toward a style: {name} 1", "another"]
    assert len(reaper.tracks[1].items[0].notes) > 4

    reaper.menus, reaper.inputs = [3, 1], [{"Versions": "1", "Seed": "3"}]
    reaper.run()
    assert reaper.messages == []
    (item,) = reaper.tracks[1].items
    # New voices alone: not the melody again.
    melody = {(start + 8.0, pitch) for start, _, pitch in tune(4)}
    voices = {(round(start, 3), pitch) for start, _, pitch in quarters(reaper, item)}
    assert voices and len(voices & melody) < len(melody) / 2


@needs_program
def test_new_bars_follow_the_item(tmp_path):
    # The first bar of the item is the third of the project; 3/4 from there on.
    reaper = Reaper(tmp_path, meters=[(0, 4, 4), (2, 3, 4)])
    track = Track("waltz")
    reaper.tracks = [track]
    notes = [(beat * PPQ, (beat + 1) * PPQ, 0, 60 + 2 * (beat % 5), 80) for beat in range(12)]
    reaper.selected = Item(track, reaper.time(8.0), reaper.time(20.0), notes)
    reaper.menus, reaper.inputs = [4], [{"Bars": "4", "Versions": "1", "Seed": "5"}]
    reaper.run()
    assert reaper.messages == []
    (item,) = reaper.tracks[1].items
    assert reaper.tracks[1].name == "Continue 1"
    # Four bars of three quarters after the four of the item.
    assert reaper.qn(item.start) == pytest.approx(20.0)
    assert reaper.qn(item.stop) == pytest.approx(32.0)
    assert all(20.0 - 1e-3 <= start < 32.0 for start, _, _ in quarters(reaper, item))
    assert item.notes


@needs_program
def test_what_goes_wrong_is_said(tmp_path):
    reaper = project(tmp_path)
    reaper.menus, reaper.inputs = [1], [{"Distance": "99"}]
    reaper.run()
    assert len(reaper.messages) == 1 and "--distance" in reaper.messages[0]
    assert len(reaper.tracks) == 2 and reaper.undo == []


def test_without_an_item_or_a_program(tmp_path):
    reaper = project(tmp_path)
    reaper.state["controlgen", "program"] = str(tmp_path / "nowhere")
    reaper.menus, reaper.inputs = [1], [{}]
    reaper.run()
    assert "can't be run" in reaper.messages[0]
    # The next run asks where it is; here the user cancels.
    reaper.inputs, reaper.menus = [None], []
    reaper.run()
    assert len(reaper.messages) == 1

    reaper = project(tmp_path)
    reaper.state["controlgen", "program"] = "controlgen"
    reaper.selected.is_midi = False
    reaper.run()
    reaper.selected = None
    reaper.run()
    assert reaper.messages == ["Select a MIDI item first."] * 2
    reaper = project(tmp_path)
    reaper.state["controlgen", "program"] = "controlgen"
    reaper.selected.notes = []
    reaper.run()
    assert reaper.messages == ["No note sounds in the selected item."]
    # Closing a menu or a dialog does nothing.
    reaper = project(tmp_path)
    reaper.state["controlgen", "program"] = "controlgen"
    reaper.menus = [0]
    reaper.run()
    reaper.menus, reaper.inputs = [1], [None]
    reaper.run()
    assert reaper.messages == [] and reaper.commands == [] and len(reaper.tracks) == 2
