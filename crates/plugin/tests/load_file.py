"""Loads the plug-in's file as a host does, plays a few bars of it, and unloads it.

The other tests use the same bindings as the plug-in itself. This one only uses CLAP's own
structures, as clap/*.h of CLAP 1.2 defines them, and the installed file:

    python3 load_file.py controlgen.clap [MODEL]
"""

import ctypes as c
import os
import sys
import time

RATE, BLOCK, TEMPO = 48_000.0, 512, 120.0
BEAT = 1 << 31  # CLAP_BEATTIME_FACTOR
NOTE_ON, NOTE_OFF, TRANSPORT = 0, 1, 9
HAS_TEMPO, HAS_BEATS, HAS_SIGNATURE, IS_PLAYING = 1, 2, 8, 16


def function(result, *arguments):
    return c.CFUNCTYPE(result, *arguments)


class Version(c.Structure):
    _fields_ = [("major", c.c_uint32), ("minor", c.c_uint32), ("revision", c.c_uint32)]


class Entry(c.Structure):
    _fields_ = [
        ("version", Version),
        ("init", function(c.c_bool, c.c_char_p)),
        ("deinit", function(None)),
        ("get_factory", function(c.c_void_p, c.c_char_p)),
    ]


class Descriptor(c.Structure):
    _fields_ = [("version", Version)] + [
        (name, c.c_char_p)
        for name in ("id", "name", "vendor", "url", "manual_url", "support_url", "release", "about")
    ] + [("features", c.POINTER(c.c_char_p))]


class Host(c.Structure):
    _fields_ = [("version", Version), ("host_data", c.c_void_p)] + [
        (name, c.c_char_p) for name in ("name", "vendor", "url", "release")
    ] + [
        ("get_extension", function(c.c_void_p, c.c_void_p, c.c_char_p)),
        ("request_restart", function(None, c.c_void_p)),
        ("request_process", function(None, c.c_void_p)),
        ("request_callback", function(None, c.c_void_p)),
    ]


class Plugin(c.Structure):
    _fields_ = [
        ("descriptor", c.POINTER(Descriptor)),
        ("plugin_data", c.c_void_p),
        ("init", function(c.c_bool, c.c_void_p)),
        ("destroy", function(None, c.c_void_p)),
        ("activate", function(c.c_bool, c.c_void_p, c.c_double, c.c_uint32, c.c_uint32)),
        ("deactivate", function(None, c.c_void_p)),
        ("start_processing", function(c.c_bool, c.c_void_p)),
        ("stop_processing", function(None, c.c_void_p)),
        ("reset", function(None, c.c_void_p)),
        ("process", function(c.c_int32, c.c_void_p, c.c_void_p)),
        ("get_extension", function(c.c_void_p, c.c_void_p, c.c_char_p)),
        ("on_main_thread", function(None, c.c_void_p)),
    ]


class Factory(c.Structure):
    _fields_ = [
        ("get_plugin_count", function(c.c_uint32, c.c_void_p)),
        ("get_plugin_descriptor", function(c.POINTER(Descriptor), c.c_void_p, c.c_uint32)),
        ("create_plugin", function(c.POINTER(Plugin), c.c_void_p, c.POINTER(Host), c.c_char_p)),
    ]


class Header(c.Structure):
    _fields_ = [
        ("size", c.c_uint32), ("time", c.c_uint32),
        ("space_id", c.c_uint16), ("type", c.c_uint16), ("flags", c.c_uint32),
    ]


class Note(c.Structure):
    _fields_ = [
        ("header", Header), ("note_id", c.c_int32), ("port", c.c_int16),
        ("channel", c.c_int16), ("key", c.c_int16), ("velocity", c.c_double),
    ]


class Transport(c.Structure):
    _fields_ = [
        ("header", Header), ("flags", c.c_uint32),
        ("song_pos_beats", c.c_int64), ("song_pos_seconds", c.c_int64),
        ("tempo", c.c_double), ("tempo_inc", c.c_double),
        ("loop_start_beats", c.c_int64), ("loop_end_beats", c.c_int64),
        ("loop_start_seconds", c.c_int64), ("loop_end_seconds", c.c_int64),
        ("bar_start", c.c_int64), ("bar_number", c.c_int32),
        ("numerator", c.c_uint16), ("denominator", c.c_uint16),
    ]


class InputEvents(c.Structure):
    _fields_ = [
        ("ctx", c.c_void_p),
        ("size", function(c.c_uint32, c.c_void_p)),
        ("get", function(c.c_void_p, c.c_void_p, c.c_uint32)),
    ]


class OutputEvents(c.Structure):
    _fields_ = [
        ("ctx", c.c_void_p),
        ("try_push", function(c.c_bool, c.c_void_p, c.POINTER(Header))),
    ]


class Process(c.Structure):
    _fields_ = [
        ("steady_time", c.c_int64), ("frames_count", c.c_uint32),
        ("transport", c.POINTER(Transport)),
        ("audio_inputs", c.c_void_p), ("audio_outputs", c.c_void_p),
        ("n_audio_inputs", c.c_uint32), ("n_audio_outputs", c.c_uint32),
        ("in_events", c.POINTER(InputEvents)), ("out_events", c.POINTER(OutputEvents)),
    ]


class Render(c.Structure):
    _fields_ = [
        ("has_hard_realtime_requirement", function(c.c_bool, c.c_void_p)),
        ("set", function(c.c_bool, c.c_void_p, c.c_int32)),
    ]


def nothing(*_):
    return None


def memory(what):
    """A line of this process's memory in MB, if the system reports it."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))
    except (OSError, StopIteration):
        return float("nan")


def play(plugin, bars):
    """Plays some bars of 4/4, offline; returns the onsets by sample, and the sounding notes."""
    address = c.addressof(plugin)
    render = c.cast(plugin.get_extension(address, b"clap.render"), c.POINTER(Render)).contents
    assert render.set(address, 1)
    onsets, sounding, now = [], set(), 0

    @function(c.c_bool, c.c_void_p, c.POINTER(Header))
    def push(_, header):
        assert header.contents.type in (NOTE_ON, NOTE_OFF), header.contents.type
        assert header.contents.time < BLOCK
        note = c.cast(header, c.POINTER(Note)).contents
        key = (note.channel, note.key)
        if header.contents.type == NOTE_ON:
            assert key not in sounding
            sounding.add(key)
            onsets.append((now + header.contents.time, *key))
        else:
            sounding.remove(key)
        return True

    events_in = InputEvents(None, function(c.c_uint32, c.c_void_p)(lambda _: 0),
                            function(c.c_void_p, c.c_void_p, c.c_uint32)(nothing))
    events_out = OutputEvents(None, push)
    transport = Transport()
    transport.header.size, transport.header.type = c.sizeof(Transport), TRANSPORT
    transport.tempo, transport.numerator, transport.denominator = TEMPO, 4, 4
    assert plugin.activate(address, RATE, 1, BLOCK)
    assert plugin.start_processing(address)
    end = bars * 4 * 60 / TEMPO * RATE
    is_over = False
    while not is_over:
        is_over = now >= end
        beats = now / RATE * TEMPO / 60
        bar = int(beats // 4)
        transport.flags = HAS_TEMPO | HAS_BEATS | HAS_SIGNATURE | (0 if is_over else IS_PLAYING)
        transport.song_pos_beats = round(beats * BEAT)
        transport.bar_start, transport.bar_number = bar * 4 * BEAT, bar
        process = Process(now, BLOCK, c.pointer(transport), None, None, 0, 0,
                          c.pointer(events_in), c.pointer(events_out))
        assert plugin.process(address, c.addressof(process)) >= 1
        now += BLOCK
    plugin.stop_processing(address)
    plugin.deactivate(address)
    return onsets, sounding


def main(path, model="drums"):
    if os.path.isdir(path):
        path = os.path.join(path, "Contents", "MacOS", "controlgen")
    before = memory("VmRSS")
    library = c.CDLL(os.path.abspath(path))
    entry = Entry.in_dll(library, "clap_entry")
    assert entry.version.major == 1
    assert entry.init(os.path.abspath(path).encode())
    factory_address = entry.get_factory(b"clap.plugin-factory")
    factory = c.cast(factory_address, c.POINTER(Factory)).contents
    found = {}
    for index in range(factory.get_plugin_count(factory_address)):
        descriptor = factory.get_plugin_descriptor(factory_address, index).contents
        features = []
        while descriptor.features[len(features)] is not None:
            features.append(descriptor.features[len(features)].decode())
        assert "note-effect" in features, features
        found[descriptor.id.decode()] = descriptor.name.decode()
    print("plug-ins:", ", ".join(f"{name} ({key})" for key, name in found.items()))
    assert f"controlgen.{model}" in found
    none = function(None, c.c_void_p)(nothing)
    host = Host(Version(1, 2, 2), None, b"load_file", b"controlgen", b"", b"1",
                function(c.c_void_p, c.c_void_p, c.c_char_p)(nothing), none, none, none)
    heard = []
    for _ in range(2):
        pointer = factory.create_plugin(factory_address, c.byref(host), f"controlgen.{model}".encode())
        plugin = pointer.contents
        address = c.addressof(plugin)
        start = time.perf_counter()
        assert plugin.init(address)
        opened = time.perf_counter() - start
        onsets, sounding = play(plugin, bars=12)
        assert onsets and not sounding, (len(onsets), sounding)
        after = memory("VmRSS")
        plugin.destroy(address)
        heard.append(onsets)
    assert heard[0] == heard[1], "the same song is the same music"
    entry.deinit()
    print(f"{len(onsets)} notes in 12 bars; opened in {opened:.2f} s; "
          f"{before:.0f} MB of memory before, {after:.0f} MB with it")


if __name__ == "__main__":
    main(*sys.argv[1:])
