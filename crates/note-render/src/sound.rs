//! Note sequences as WAV files.
//!
//! The synthesizer is [ferrosintesis](https://docs.rs/ferrosintesis) without its recordings: it
//! models all programs and drums of General MIDI, so no sound font, with its license, is needed.

use std::io::Cursor;

use ferrosintesis::offline;
use note_seq::midi::{self, WriteError, WriteOptions};
use note_seq::{NoteSequence, Seconds};
use thiserror::Error;

/// How a sequence is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoundOptions {
    /// Sample rate in Hz, 8,000 to 192,000.
    pub sample_rate: u32,
    /// Amount of reverb, 0 (dry) to 1.
    pub reverb: f32,
    /// Time after the end of the last note, at most 60 seconds.
    pub tail: Seconds,
}

impl Default for SoundOptions {
    /// 44,100 Hz, a small room, and 1.5 s for the last note to decay.
    fn default() -> Self {
        Self { sample_rate: 44_100, reverb: 0.12, tail: 1.5 }
    }
}

/// Why a sequence can't be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SoundError {
    /// The sample rate is out of range.
    #[error("a sample rate of {found} Hz is out of range (allowed: 8000 to 192000)")]
    SampleRate {
        /// The requested rate.
        found: u32,
    },
    /// The tail or the reverb is out of range.
    #[error(
        "a tail of {tail} s with a reverb of {reverb} is out of range (allowed: 0 to 60 s, 0 to 1)"
    )]
    Room {
        /// The requested tail.
        tail: Seconds,
        /// The requested reverb.
        reverb: f32,
    },
    /// The music is too long to be held in memory.
    #[error(
        "the music lasts {seconds:.0} s; up to {:.0} s can be played, so shorten it first",
        MAX_SECONDS
    )]
    TooLong {
        /// Its duration.
        seconds: Seconds,
    },
    /// There are more simultaneous notes than can be synthesized in reasonable time.
    #[error(
        "the notes last {voice_seconds:.0} s in total; up to {:.0} s can be played, \
         so remove some",
        MAX_VOICE_SECONDS
    )]
    TooDense {
        /// The sum of the durations of all notes.
        voice_seconds: Seconds,
    },
    /// MIDI can't represent the music.
    #[error("the music can't be passed to the synthesizer")]
    Midi(#[from] WriteError),
    /// The synthesizer rejected it.
    #[error("the synthesizer can't play this: {0}")]
    Synthesizer(#[from] ferrosintesis::MidiError),
    /// The length fields of a WAV file can't hold this many samples.
    #[error("this is too long for a WAV file")]
    Wav(#[from] hound::Error),
}

/// Maximum duration; at 44,100 Hz it takes 640 MB while it is rendered.
pub const MAX_SECONDS: Seconds = 1800.0;

/// Maximum sum of note durations: on average 55 simultaneous notes in the longest music.
pub const MAX_VOICE_SECONDS: Seconds = 100_000.0;

/// Peak level: music is attenuated only if its loudest sample would exceed this. The rest is
/// headroom for players that resample.
const CEILING: f32 = 0.94;

/// 12 dB: a single note of velocity 80 then peaks near 0.4, and loudness follows velocity unless
/// [`CEILING`] is exceeded.
const GAIN: f32 = 4.0;

/// Renders the sequence as a WAV file: stereo, 16 bits.
///
/// The file lasts as long as the music plus the tail. Loudness follows velocity; music that would
/// clip is attenuated as a whole. Silence gives zeros.
///
/// # Errors
/// [`SoundError`] if settings are out of range, or if the music is too long, too dense, or not
/// representable in MIDI.
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

/// Renders the sequence as samples from -1 to 1, left and right interleaved; see [`wav`].
///
/// # Errors
/// See [`wav`].
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
    // The synthesizer stops after the last event of the file, the end of the last note.
    samples.resize(n_samples, 0.0);
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let gain = if peak * GAIN > CEILING { CEILING / peak } else { GAIN };
    for sample in &mut samples {
        *sample *= gain;
    }
    Ok(samples)
}

/// Checks whether the sequence can be played, without playing it.
///
/// # Errors
/// See [`wav`], except for what the synthesizer itself rejects.
pub fn check(sequence: &NoteSequence, options: &SoundOptions) -> Result<(), SoundError> {
    let &SoundOptions { sample_rate, reverb, tail } = options;
    if !(8_000..=192_000).contains(&sample_rate) {
        return Err(SoundError::SampleRate { found: sample_rate });
    }
    if !((0.0..=60.0).contains(&tail) && (0.0..=1.0).contains(&reverb)) {
        return Err(SoundError::Room { tail, reverb });
    }
    let seconds = seconds(sequence);
    // Written so that NaN is rejected too.
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

/// Duration of the music.
fn seconds(sequence: &NoteSequence) -> Seconds {
    sequence.notes.iter().map(|note| note.end_time).fold(sequence.total_time, f64::max)
}

#[cfg(test)]
mod tests;
