//! Note sequences as WAV files.
//!
//! The synthesiser is [ferrosintesis](https://docs.rs/ferrosintesis) without its recordings: every program and
//! every drum of General MIDI is modelled, so no sound font and no licence of one is needed.

use std::io::Cursor;

use ferrosintesis::offline;
use note_seq::midi::{self, WriteError, WriteOptions};
use note_seq::{NoteSequence, Seconds};
use thiserror::Error;

/// How a sequence is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoundOptions {
    /// Samples a second of each channel, 8,000 to 192,000.
    pub sample_rate: u32,
    /// How much of the sound goes to the room, 0 (dry) to 1.
    pub reverb: f32,
    /// What is heard after the last note ends, at most 60.
    pub tail: Seconds,
}

impl Default for SoundOptions {
    /// 44,100 samples a second, a small room, 1.5 s for the last note to die away.
    fn default() -> Self {
        Self { sample_rate: 44_100, reverb: 0.12, tail: 1.5 }
    }
}

/// Why a sequence could not be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SoundError {
    /// No such rate.
    #[error("{found} samples a second cannot be (allowed: 8000 to 192000)")]
    SampleRate {
        /// The rate asked for.
        found: u32,
    },
    /// The tail or the reverb is out of range.
    #[error("a tail of {tail} s with a reverb of {reverb} cannot be (allowed: 0 to 60 s, 0 to 1)")]
    Room {
        /// The tail asked for.
        tail: Seconds,
        /// The reverb asked for.
        reverb: f32,
    },
    /// The music lasts too long to be held in memory.
    #[error(
        "the music lasts {seconds:.0} s; up to {:.0} s can be played, so cut it first",
        MAX_SECONDS
    )]
    TooLong {
        /// How long it lasts.
        seconds: Seconds,
    },
    /// More notes at once than can be computed in reasonable time.
    #[error(
        "the notes last {voice_seconds:.0} s together; up to {:.0} s can be played, so leave out some",
        MAX_VOICE_SECONDS
    )]
    TooDense {
        /// The sum of all notes' lengths.
        voice_seconds: Seconds,
    },
    /// What MIDI can't hold can't be played.
    #[error("the music can't be handed to the synthesiser")]
    Midi(#[from] WriteError),
    /// The synthesiser did not take it.
    #[error("the synthesiser can't play this: {0}")]
    Synthesiser(#[from] ferrosintesis::MidiError),
    /// The file's lengths can't tell so many samples.
    #[error("no WAV file can hold this")]
    Wav(#[from] hound::Error),
}

/// The longest music: at 44,100 samples a second, 640 MB while it is made.
pub const MAX_SECONDS: Seconds = 1800.0;

/// The most that notes may last, taken together: 55 at any moment of the longest music.
pub const MAX_VOICE_SECONDS: Seconds = 100_000.0;

/// Before the loudest sample meets this, nothing is made softer. The rest is room for players that resample.
const CEILING: f32 = 0.94;

/// 12 dB: a single note of velocity 80 then peaks near 0.4, and loudness follows velocity as long as
/// [`CEILING`] allows.
const GAIN: f32 = 4.0;

/// The sequence as a WAV file: stereo, 16 bits.
///
/// The file lasts as long as the music and its tail. Loudness follows velocity; music that would clip is made
/// softer as a whole. Nothing but silence gives samples of 0.
///
/// # Errors
/// [`SoundError`]: settings out of range, or music that is too long, too dense, or none that MIDI can hold.
pub fn wav(sequence: &NoteSequence, options: &SoundOptions) -> Result<Vec<u8>, SoundError> {
    let samples = samples(sequence, options)?;
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: options.sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for sample in samples {
        writer.write_sample((sample * f32::from(i16::MAX)).round() as i16)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}

/// The sequence as samples of -1 to 1, left and right in turn; see [`wav`].
///
/// # Errors
/// As [`wav`].
pub fn samples(sequence: &NoteSequence, options: &SoundOptions) -> Result<Vec<f32>, SoundError> {
    check(sequence, options)?;
    let &SoundOptions { sample_rate, reverb, tail } = options;
    let n_frames = ((seconds(sequence) + tail) * f64::from(sample_rate)).round();
    #[expect(clippy::cast_sign_loss, reason = "checked above: 0 to 1,860 s")]
    let n_samples = 2 * n_frames as usize;
    let song = offline::parse(&midi::write(sequence, &WriteOptions::default())?)?;
    let played = offline::Options::default()
        .with_sample_rate(sample_rate)
        .with_reverb(reverb)
        .with_echo(0.0)
        .with_tail(tail as f32);
    let (mut samples, _) = offline::render(&song, &played);
    // The synthesiser ends after the last event of the file, which is the last note's end.
    samples.resize(n_samples, 0.0);
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let gain = if peak * GAIN > CEILING { CEILING / peak } else { GAIN };
    for sample in &mut samples {
        *sample *= gain;
    }
    Ok(samples)
}

/// Whether the sequence can be played, without playing it.
///
/// # Errors
/// As [`wav`], but for what the synthesiser itself refuses.
pub fn check(sequence: &NoteSequence, options: &SoundOptions) -> Result<(), SoundError> {
    let &SoundOptions { sample_rate, reverb, tail } = options;
    if !(8_000..=192_000).contains(&sample_rate) {
        return Err(SoundError::SampleRate { found: sample_rate });
    }
    if !((0.0..=60.0).contains(&tail) && (0.0..=1.0).contains(&reverb)) {
        return Err(SoundError::Room { tail, reverb });
    }
    let seconds = seconds(sequence);
    // Written so that what is no number is refused, too.
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return Err(SoundError::TooLong { seconds });
    }
    let voice_seconds: Seconds =
        sequence.notes.iter().map(|note| (note.end_time - note.start_time).max(0.0)).sum();
    if !(0.0..=MAX_VOICE_SECONDS).contains(&voice_seconds) {
        return Err(SoundError::TooDense { voice_seconds });
    }
    Ok(())
}

/// How long the music lasts.
fn seconds(sequence: &NoteSequence) -> Seconds {
    sequence.notes.iter().map(|note| note.end_time).fold(sequence.total_time, f64::max)
}

#[cfg(test)]
mod tests;
