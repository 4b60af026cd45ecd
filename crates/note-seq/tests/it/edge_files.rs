//! Eighty small MIDI files, one for each edge case of reading, quantizing and encoding.
//!
//! Python's results for them are in `tests/golden/edge.jsonl`.

use crate::smf::{
    BAR, END, QUARTER, SIXTEENTH, Timed, chunk, control, events, file, header, meta, notes, off,
    on, program, signature, tempo, track, variable,
};

type Named = (&'static str, Vec<u8>);

/// Every case: its name and the file's bytes.
pub(crate) fn all() -> Vec<Named> {
    [
        pairing(),
        programs(),
        time(),
        signatures(),
        containers(),
        damage(),
        steps(),
        melodies(),
        drums(),
        trios(),
    ]
    .concat()
}

/// A file with one track, with events given in their order at each tick.
fn single(events: Vec<Timed>) -> Vec<u8> {
    file(&[track(events)])
}

/// A file with one track that has notes on the first channel.
fn plain(spans: &[(u8, u32, u32)]) -> Vec<u8> {
    single(notes(0, spans))
}

/// 120 quarter notes per minute, 4/4.
fn opening() -> Vec<Timed> {
    vec![tempo(0, 500_000), signature(0, 4, 2)]
}

/// Four bars of quarter notes, cycling through five pitches.
fn line() -> Vec<(u8, u32, u32)> {
    (0..16).map(|k| (60 + k % 5, u32::from(k) * QUARTER)).map(|(p, t)| (p, t, t + 60)).collect()
}

/// A conductor track before a track with the four bars.
fn conducted(conductor: Vec<Timed>) -> Vec<u8> {
    file(&[track(conductor), track(notes(0, &line()))])
}

/// One middle C, a quarter long.
fn middle_c() -> Vec<u8> {
    track(notes(0, &[(60, 0, QUARTER)]))
}

fn pairing() -> Vec<Named> {
    let (q, s) = (QUARTER, SIXTEENTH);
    vec![
        (
            "off_by_zero_velocity",
            single(vec![
                on(0, 0, 60, 100),
                on(q, 0, 60, 0),
                on(q, 0, 62, 100),
                on(2 * q, 0, 62, 0),
            ]),
        ),
        (
            "zero_length_note",
            single(vec![on(0, 0, 60, 100), off(0, 0, 60), on(q, 0, 62, 100), off(2 * q, 0, 62)]),
        ),
        (
            "overlap_same_pitch",
            single(vec![on(0, 0, 60, 90), on(s, 0, 60, 70), off(2 * s, 0, 60), off(4 * s, 0, 60)]),
        ),
        ("dangling_note", single(vec![on(0, 0, 60, 100), on(q, 0, 62, 100), off(2 * q, 0, 62)])),
        (
            "off_then_on_same_tick",
            single(vec![on(0, 0, 60, 100), off(q, 0, 60), on(q, 0, 60, 100), off(2 * q, 0, 60)]),
        ),
        (
            "on_then_off_same_tick",
            single(vec![on(0, 0, 60, 100), on(q, 0, 60, 100), off(q, 0, 60), off(2 * q, 0, 60)]),
        ),
        (
            "spurious_off",
            single(vec![off(0, 0, 60), on(q, 0, 60, 100), off(2 * q, 0, 60), off(3 * q, 0, 60)]),
        ),
        (
            "one_channel_two_tracks",
            file(&[track(opening()), middle_c(), track(notes(0, &[(72, 0, q)]))]),
        ),
        (
            "sustain_pedal",
            single(vec![
                control(0, 0, 64, 127),
                on(0, 0, 60, 100),
                off(s, 0, 60),
                on(2 * s, 0, 62, 100),
                off(3 * s, 0, 62),
                on(4 * s, 0, 60, 100),
                off(5 * s, 0, 60),
                control(8 * s, 0, 64, 0),
            ]),
        ),
        (
            "pedal_never_up",
            single(vec![
                control(0, 0, 64, 64),
                on(0, 0, 60, 100),
                off(s, 0, 60),
                on(2 * s, 0, 62, 100),
                off(3 * s, 0, 62),
            ]),
        ),
    ]
}

fn programs() -> Vec<Named> {
    let (q, s) = (QUARTER, SIXTEENTH);
    let hits = notes(9, &[(36, 0, s), (38, q, q + s)]);
    vec![
        (
            "program_change_inside_note",
            single(vec![
                program(0, 0, 5),
                on(0, 0, 60, 100),
                program(s, 0, 40),
                off(q, 0, 60),
                on(q, 0, 64, 100),
                off(2 * q, 0, 64),
            ]),
        ),
        (
            "two_programs_one_channel",
            single(vec![
                program(0, 0, 5),
                on(0, 0, 60, 100),
                off(q, 0, 60),
                program(q, 0, 6),
                on(q, 0, 62, 100),
                off(2 * q, 0, 62),
                program(2 * q, 0, 5),
                on(2 * q, 0, 64, 100),
                off(3 * q, 0, 64),
            ]),
        ),
        (
            "instrument_order_by_first_end",
            single(vec![
                program(0, 0, 1),
                program(0, 1, 2),
                on(0, 0, 60, 100),
                on(s, 1, 70, 100),
                off(2 * s, 1, 70),
                off(q, 0, 60),
            ]),
        ),
        ("drum_channel_with_program", single([vec![program(0, 9, 25)], hits].concat())),
    ]
}

fn time() -> Vec<Named> {
    let with = |more: &[Timed]| conducted([opening(), more.to_vec()].concat());
    let across = [(60, 0, 2 * BAR), (62, 2 * BAR, 3 * BAR)];
    vec![
        (
            "tempo_on_second_track",
            file(&[
                track(vec![signature(0, 4, 2)]),
                track([vec![tempo(0, 1_000_000)], notes(0, &[(60, 0, QUARTER)])].concat()),
            ]),
        ),
        (
            "tempo_twice_at_zero",
            file(&[track(vec![tempo(0, 400_000), tempo(0, 600_000)]), middle_c()]),
        ),
        ("tempo_first_late", conducted(vec![tempo(BAR, 400_000)])),
        ("tempo_change", with(&[tempo(2 * BAR, 400_000)])),
        (
            "tempo_change_inside_note",
            file(&[
                track([opening(), vec![tempo(BAR, 400_000)]].concat()),
                track(notes(0, &across)),
            ]),
        ),
        ("tempo_same_value_again", with(&[tempo(BAR, 500_000)])),
        ("tempo_zero", file(&[track(vec![tempo(0, 0)]), middle_c()])),
        ("tempo_there_and_back", with(&[tempo(BAR, 400_000), tempo(BAR, 500_000)])),
        ("no_tempo_no_signature", file(&[middle_c()])),
    ]
}

fn signatures() -> Vec<Named> {
    let alone = |numerator, log2| conducted(vec![signature(0, numerator, log2)]);
    let late = |numerator| conducted(vec![tempo(0, 500_000), signature(BAR, numerator, 2)]);
    let key = |sharps: i8, mode| {
        file(&[track(vec![meta(0, 0x59, &[sharps.cast_unsigned(), mode])]), middle_c()])
    };
    vec![
        ("signature_late_three_four", late(3)),
        ("signature_late_four_four", late(4)),
        ("signature_change", conducted([opening(), vec![signature(2 * BAR, 3, 2)]].concat())),
        ("signature_two_four", alone(2, 2)),
        ("signature_two_two", alone(2, 1)),
        ("signature_six_eight", alone(6, 3)),
        ("signature_seven_32", alone(7, 5)),
        ("signature_zero_over_four", alone(0, 2)),
        (
            "signature_on_second_track",
            file(&[
                track(vec![tempo(0, 500_000)]),
                track([vec![signature(0, 3, 2)], notes(0, &line())].concat()),
            ]),
        ),
        ("key_c_minor", key(-3, 1)),
        ("key_eight_sharps", key(8, 0)),
        ("key_mode_two", key(0, 2)),
    ]
}

/// A file with the opening and one note, with a modified header.
fn headed(format: u16, n_tracks: u16, division: u16, tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = header(format, n_tracks, division);
    bytes.extend(tracks.iter().flat_map(|t| chunk(*b"MTrk", t, None)));
    bytes
}

fn containers() -> Vec<Named> {
    let q = QUARTER;
    let both = |a: Vec<Timed>, b: Vec<Timed>| track([opening(), a, b].concat());
    let whole = file(&[track(opening()), middle_c()]);
    let length = u32::try_from(whole.len()).unwrap();
    let riff =
        [b"RIFF", &(length + 12).to_le_bytes()[..], b"RMIDdata", &length.to_le_bytes()[..], &whole]
            .concat();
    let alien = [
        header(1, 2, 96),
        chunk(*b"MTrk", &track(opening()), None),
        chunk(*b"XFIH", b"hello", None),
        chunk(*b"MTrk", &middle_c(), None),
    ];
    let cut = conducted(opening());
    vec![
        (
            "format0_two_channels",
            headed(0, 1, 96, &[both(notes(0, &[(60, 0, q)]), notes(1, &[(40, 0, q)]))]),
        ),
        (
            "format2_two_tracks",
            headed(
                2,
                2,
                96,
                &[both(notes(0, &[(60, 0, q)]), vec![]), track(notes(0, &[(62, 0, q)]))],
            ),
        ),
        ("empty_track_chunk", file(&[track(opening()), vec![], middle_c()])),
        ("only_end_of_track", single(vec![])),
        (
            "header_says_fewer",
            headed(1, 2, 96, &[track(opening()), middle_c(), track(notes(0, &[(64, 0, q)]))]),
        ),
        ("header_says_more", headed(1, 3, 96, &[track(opening()), middle_c()])),
        ("alien_chunk", alien.concat()),
        ("riff_rmid", riff),
        ("leading_junk", [vec![0; 128], whole].concat()),
        ("truncated", cut[..cut.len() - 40].to_vec()),
        ("smpte_division", headed(1, 1, 0xe728, &[middle_c()])),
        ("division_zero", headed(1, 1, 0, &[middle_c()])),
    ]
}

fn damage() -> Vec<Named> {
    let q = QUARTER;
    // Note-on, then something that cancels running status, then the note's end without a status
    // byte.
    let continued = |between: &[u8]| {
        let end = [&variable(q)[..], &[60, 0], &END].concat();
        file(&[[&events(vec![on(0, 0, 60, 100)])[..], between, &end].concat()])
    };
    let between = |odd: Timed| {
        single(vec![on(0, 0, 60, 100), off(q, 0, 60), odd, on(q, 0, 62, 100), off(2 * q, 0, 62)])
    };
    let good = middle_c();
    let lying = |length| [header(1, 1, 96), chunk(*b"MTrk", &good, Some(length))].concat();
    let after_end = [good.clone(), track(notes(0, &[(62, 0, q)]))].concat();
    let long_delta = [&[0x80, 0x80, 0x80, 0x80][..], &good].concat();
    let far = 20_000_000;
    vec![
        ("running_status_after_meta", continued(&[0, 0xff, 1, 1, b'x'])),
        ("running_status_after_sysex", continued(&[0, 0xf0, 2, 0x7e, 0xf7])),
        ("data_byte_high", between(control(q, 0, 7, 168))),
        ("status_f4", between((q, vec![0xf4]))),
        ("chunk_too_long", lying(good.len() + 10)),
        ("chunk_too_short", lying(good.len() - 4)),
        ("no_end_of_track", file(&[events(notes(0, &[(60, 0, q)]))])),
        ("events_after_end_of_track", file(&[after_end])),
        ("vlq_five_bytes", file(&[long_delta])),
        ("tick_twenty_million", plain(&[(60, 0, q), (62, far, far + q)])),
    ]
}

fn steps() -> Vec<Named> {
    let (s, half) = (SIXTEENTH, SIXTEENTH / 2);
    let halves = [
        (60, half, half + s),
        (62, s + half, 2 * s + half),
        (64, 3 * s - 13, 3 * s - 1),
        (65, 4 * s, 4 * s + 1),
    ];
    let ties = (0..64_u32).zip((60..72).cycle()).map(|(k, p)| (p, k * s + half, k * s + s + half));
    let odd = file(&[track(vec![tempo(0, 517_241)]), track(notes(0, &ties.collect::<Vec<_>>()))]);
    vec![("half_step_rounding", plain(&halves)), ("rounding_at_odd_tempo", odd)]
}

fn melodies() -> Vec<Named> {
    let (b, q, s) = (BAR, QUARTER, SIXTEENTH);
    let chord = [(60, 0, q), (64, 0, 2 * q), (67, 0, s), (62, q, 2 * q)];
    let repeated = (0..4).map(|k| (60, b + k * q, b + k * q + s));
    let quarters = |pitches: std::ops::Range<u8>, n: u32, from: u32| -> Vec<(u8, u32, u32)> {
        (0..n).zip(pitches.cycle()).map(|(k, p)| (p, from + k * q, from + k * q + q)).collect()
    };
    let gap = |again| plain(&[(60, 0, q), (62, q, b), (64, again, 3 * b), (65, 3 * b, 4 * b)]);
    let bass: Vec<_> = (0..8).map(|k| (40, k * q, k * q + s)).collect();
    let two = [vec![program(0, 0, 31), program(0, 1, 32)], notes(0, &line()[..8]), notes(1, &bass)];
    vec![
        ("mel_chord_top_wins", plain(&chord.into_iter().chain(repeated).collect::<Vec<_>>())),
        (
            "mel_later_note_cuts",
            plain(&[(72, 0, b), (60, q, 2 * q), (62, b, b + q), (62, b + 3 * q, 2 * b)]),
        ),
        ("mel_gap_one_bar", gap(2 * b)),
        ("mel_gap_under_bar", gap(2 * b - s)),
        ("mel_late_start", plain(&quarters(60..69, 9, 5 * q))),
        (
            "mel_held_three_bars",
            plain(&[(60, 0, 3 * b), (62, 3 * b, 4 * b), (64, 4 * b, 5 * b - q)]),
        ),
        ("mel_leading_off", plain(&[(60, 0, b + s), (62, b + 2 * q, 2 * b), (64, 2 * b, 3 * b)])),
        (
            "mel_out_of_range",
            plain(&[
                (20, 0, q),
                (21, q, 2 * q),
                (108, 2 * q, 3 * q),
                (109, 3 * q, b),
                (60, b, 2 * b),
            ]),
        ),
        ("mel_programs_31_32", single(two.concat())),
        ("mel_120_bars", plain(&quarters(40..77, 480, 0))),
        ("mel_repeats_deduped", plain(&quarters(60..64, 64, 0))),
    ]
}

/// Drum hits a sixteenth long.
fn hits(hits: &[(u8, u32)]) -> Vec<Timed> {
    notes(9, &hits.iter().map(|(key, tick)| (*key, *tick, tick + SIXTEENTH)).collect::<Vec<_>>())
}

fn drums() -> Vec<Named> {
    let (b, q, s) = (BAR, QUARTER, SIXTEENTH);
    let all_nine = [
        (36, 0),
        (42, 0),
        (42, 2 * s),
        (38, q),
        (42, q),
        (46, 6 * s),
        (36, b),
        (49, b),
        (51, b + q),
        (45, b + 2 * q),
        (48, b + 3 * q),
        (50, 2 * b - s),
    ];
    let bars = [0, b, 3 * b, 4 * b].map(|t| [(36, t), (38, t + q)]);
    vec![
        ("drums_basic", single(hits(&all_nine))),
        (
            "drums_same_class_twice",
            single(hits(&[(36, 0), (35, 0), (40, q), (38, q), (36, b), (36, 2 * b - s)])),
        ),
        (
            "drums_unknown_pitch",
            single(hits(&[(36, 0), (24, q), (88, 2 * q), (36, b), (38, 2 * b - s)])),
        ),
        ("drums_gap", single(hits(bars.as_flattened()))),
    ]
}

fn trios() -> Vec<Named> {
    let q = QUARTER;
    let melody: Vec<(u8, u32, u32)> =
        (0..72).zip((72..77).cycle()).map(|(k, p)| (p, k * q, k * q + 60)).collect();
    let bass: Vec<(u8, u32, u32)> =
        (0..36).zip((36..41).cycle()).map(|(k, p)| (p, 2 * k * q, 2 * k * q + q)).collect();
    let beats: Vec<(u8, u32)> =
        (0..72).zip([36, 38].into_iter().cycle()).map(|(k, p)| (p, k * q)).collect();
    let part = |number, channel, spans: &[(u8, u32, u32)]| {
        track([vec![program(0, channel, number)], notes(channel, spans)].concat())
    };
    let without = |bars: std::ops::Range<u32>| -> Vec<(u8, u32, u32)> {
        melody.iter().filter(|n| !bars.contains(&(n.1 / BAR))).copied().collect()
    };
    let until = |spans: &[(u8, u32, u32)]| -> Vec<(u8, u32, u32)> {
        spans.iter().filter(|n| n.1 < 15 * BAR).copied().collect()
    };
    let head = track(opening());
    let (high, low, kit) = (part(0, 0, &melody), part(33, 1, &bass), track(hits(&beats)));
    let octave_below: Vec<_> = melody.iter().map(|(p, a, b)| (p - 12, *a, *b)).collect();
    let with_gap =
        |bars| file(&[head.clone(), part(0, 0, &without(bars)), low.clone(), kit.clone()]);
    let short_beats: Vec<_> = beats.iter().filter(|h| h.1 < 15 * BAR).copied().collect();
    let short = [
        head.clone(),
        part(0, 0, &until(&melody)),
        part(33, 1, &until(&bass)),
        track(hits(&short_beats)),
    ];
    let full = [head.clone(), high.clone(), low.clone(), kit.clone()];
    vec![
        ("trio_eighteen_bars", file(&full)),
        ("trio_no_bass", file(&[head.clone(), high, kit.clone()])),
        ("trio_two_melodies", file(&[full.to_vec(), vec![part(24, 2, &octave_below)]].concat())),
        ("trio_melody_gap_four_bars", with_gap(6..10)),
        ("trio_melody_gap_five_bars", with_gap(6..11)),
        ("trio_fifteen_bars", file(&short)),
    ]
}
