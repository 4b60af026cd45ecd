//! Measures properties of the rendered samples.

use std::f64::consts::TAU;

use note_seq::{Note, NoteSequence, Pitch, Program, Velocity};

use super::*;

fn note(pitch: u8, program: u8, start_time: f64, end_time: f64) -> Note {
    Note {
        pitch: Pitch::new(pitch).unwrap(),
        program: Program::new(program).unwrap(),
        velocity: Velocity::new(80).unwrap(),
        start_time,
        end_time,
        ..Note::default()
    }
}

fn sequence(notes: impl IntoIterator<Item = Note>) -> NoteSequence {
    let mut sequence = NoteSequence::default();
    notes.into_iter().for_each(|note| sequence.push(note));
    sequence
}

/// The sum of both channels, between `from` and `to` seconds.
#[expect(clippy::cast_sign_loss, reason = "no time is negative here")]
fn mono(samples: &[f32], from: f64, to: f64) -> Vec<f64> {
    let frame = |seconds: f64| (seconds * 44_100.0) as usize;
    let frames = samples.as_chunks::<2>().0.iter().skip(frame(from)).take(frame(to - from));
    frames.map(|pair| f64::from(pair[0] + pair[1])).collect()
}

/// Power at one frequency: one term of the discrete Fourier transform with a Hann window.
fn power(signal: &[f64], hertz: f64) -> f64 {
    let n = signal.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, value) in signal.iter().enumerate() {
        let (turn, at) = (TAU * i as f64 / n, TAU * hertz * i as f64 / 44_100.0);
        let windowed = value * (0.5 - 0.5 * turn.cos());
        re += windowed * at.cos();
        im += windowed * at.sin();
    }
    re * re + im * im
}

fn loudness(signal: &[f64]) -> f64 {
    (signal.iter().map(|v| v * v).sum::<f64>() / signal.len() as f64).sqrt()
}

#[test]
fn a_note_has_the_frequency_of_its_pitch() {
    // Piano, electric piano, bass, violin, flute; A4 is 440 Hz, with twelve equal steps per octave.
    for (program, pitch) in [(0, 69), (0, 60), (5, 45), (33, 40), (40, 76), (73, 81)] {
        let samples =
            samples(&sequence([note(pitch, program, 0.0, 1.0)]), &SoundOptions::default()).unwrap();
        let signal = mono(&samples, 0.1, 0.9);
        let expected = 440.0 * ((f64::from(pitch) - 69.0) / 12.0).exp2();
        let at = |cents: i32| power(&signal, expected * (f64::from(cents) / 1200.0).exp2());
        let strongest = (-100..=100).step_by(2).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
        assert!(strongest.abs() <= 12, "program {program}, pitch {pitch}: {strongest} cents off");
        // Little power one octave below, so this is the fundamental and not an overtone.
        assert!(at(0) > 100.0 * at(-1200), "program {program}, pitch {pitch}");
    }
}

#[test]
fn sound_is_where_the_notes_are_and_lasts_as_long() {
    let music = sequence([note(60, 16, 1.0, 1.5), note(67, 16, 2.5, 3.0)]);
    let options = SoundOptions { reverb: 0.0, tail: 0.5, ..SoundOptions::default() };
    let bytes = wav(&music, &options).unwrap();
    let reader = hound::WavReader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.spec().sample_rate, 44_100);
    // 3 s of music and half a second of tail.
    assert_eq!(reader.duration(), 154_350);
    let samples = samples(&music, &options).unwrap();
    let heard = |from, to| loudness(&mono(&samples, from, to));
    assert_eq!(heard(0.0, 0.99), 0.0);
    assert!(heard(1.05, 1.45) > 0.01 && heard(2.55, 2.95) > 0.01);
    assert!(heard(2.2, 2.48) < 0.05 * heard(1.05, 1.45), "{}", heard(2.2, 2.48));
}

#[test]
fn nothing_clips_and_loudness_follows_velocity() {
    let chord = (0..40).map(|i| Note {
        velocity: Velocity::MAX,
        ..note(36 + i, [0, 30, 56, 80][usize::from(i % 4)], 0.0, 1.0)
    });
    let loud = samples(&sequence(chord), &SoundOptions::default()).unwrap();
    let peak = loud.iter().fold(0.0_f32, |peak, v| peak.max(v.abs()));
    assert!((0.5..=CEILING + 1e-6).contains(&peak), "{peak}");
    let at_velocity = |velocity: u8| {
        let note = Note { velocity: Velocity::new(velocity).unwrap(), ..note(60, 0, 0.0, 1.0) };
        loudness(&mono(&samples(&sequence([note]), &SoundOptions::default()).unwrap(), 0.0, 1.0))
    };
    assert!(at_velocity(30) < 0.8 * at_velocity(80) && at_velocity(80) < 0.9 * at_velocity(127));
}

#[test]
fn silence_is_silence() {
    let silent = NoteSequence { total_time: 2.0, ..NoteSequence::default() };
    let bytes = wav(&silent, &SoundOptions::default()).unwrap();
    let mut reader = hound::WavReader::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.duration(), 154_350);
    assert!(reader.samples::<i16>().all(|sample| sample.unwrap() == 0));
}

#[test]
fn the_same_music_gives_the_same_bytes_and_drums_are_heard() {
    let kick = Note { is_drum: true, instrument: 9, ..note(36, 0, 0.0, 0.2) };
    let hat = Note { is_drum: true, instrument: 9, ..note(42, 0, 2.0, 2.1) };
    let music = sequence([kick, hat]);
    let bytes = wav(&music, &SoundOptions::default()).unwrap();
    assert_eq!(bytes, wav(&music, &SoundOptions::default()).unwrap());
    let samples = samples(&music, &SoundOptions::default()).unwrap();
    let (kick, hat) = (mono(&samples, 0.0, 0.3), mono(&samples, 2.0, 2.1));
    assert!(loudness(&kick) > 0.01 && loudness(&hat) > 0.001);
    // The bass drum is low, the hi-hat high.
    let low = |signal: &[f64]| (40..120).step_by(10).map(|f| power(signal, f64::from(f))).sum();
    let high =
        |signal: &[f64]| (6000..12_000).step_by(250).map(|f| power(signal, f64::from(f))).sum();
    let low_fraction = |signal: &[f64]| -> f64 {
        let (low, high): (f64, f64) = (low(signal), high(signal));
        low / (low + high)
    };
    assert!(
        low_fraction(&kick) > 0.9 && low_fraction(&hat) < 0.2,
        "{} {}",
        low_fraction(&kick),
        low_fraction(&hat)
    );
}

#[test]
fn errors_name_what_can_t_be_played() {
    let error = |sequence: &NoteSequence, options: SoundOptions| {
        wav(sequence, &options).unwrap_err().to_string()
    };
    let options = SoundOptions::default();
    let long = sequence([note(60, 0, 4000.0, 4001.0)]);
    assert!(error(&long, options).contains("lasts 4001 s; up to 1800 s"));
    let endless = sequence([note(60, 0, 0.0, f64::INFINITY)]);
    assert!(error(&endless, options).contains("lasts inf s"));
    let dense = sequence((0..80).map(|i| note(i, 0, 0.0, 1700.0)));
    assert!(error(&dense, options).contains("136000 s in total"));
    let one = sequence([note(60, 0, 0.0, 1.0)]);
    assert!(error(&one, SoundOptions { sample_rate: 10, ..options }).contains("8000 to 192000"));
    assert!(error(&one, SoundOptions { tail: 100.0, ..options }).contains("0 to 60 s"));
    assert!(error(&one, SoundOptions { reverb: f32::NAN, ..options }).contains("NaN"));
    let backwards = sequence([note(60, 0, -1.0, 1.0)]);
    assert!(error(&backwards, options).contains("passed to the synthesizer"));
}
