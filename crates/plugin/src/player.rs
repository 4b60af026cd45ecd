//! Plays phrases in the host's time, on the audio thread. Methods neither allocate, free, lock nor
//! wait unless their documentation says so.

mod bars;
mod cache;
mod clock;
mod voices;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::phrase::{Phrase, PhraseKey, Signature, TICKS_PER_QUARTER, whole};
use crate::settings::Settings;

use bars::{Bar, Bars};
use cache::{Cache, Known};
use clock::Clock;
use voices::Voices;

pub(crate) use cache::{Delivery, Link};
pub(crate) use voices::{Sink, Voice};

/// Song positions closer than this are equal, in quarter notes.
const NEAR: f64 = 1e-9;
/// Positions less than this before a sample count as on it, in samples, because hosts round
/// positions to 2^-31 quarter notes.
const ROUNDING: f64 = 1e-3;
/// Smaller differences between the host's position and the expected one are not jumps, in quarter
/// notes: the host has rounded, or changed its tempo within a block without reporting it.
const DRIFT: f64 = 1.0 / 16.0;
/// Minimum length of a loop that is followed within a block, in quarter notes.
const MIN_LOOP: f64 = 1.0 / 64.0;
/// The channel of drums, which are not transposed.
const DRUM_CHANNEL: u8 = 9;
/// Time that an offline render waits for a phrase before it continues without it.
const PATIENCE: Duration = Duration::from_mins(1);

/// State of the host's song at a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transport {
    pub(crate) is_playing: bool,
    /// Song position in quarter notes; `None` if the host reports none.
    pub(crate) beats: Option<f64>,
    /// Tempo in quarter notes per minute, and its change per sample.
    pub(crate) tempo: (f64, f64),
    /// Start and end of the loop in quarter notes, if looping is on.
    pub(crate) repeat: Option<(f64, f64)>,
    /// Start of the bar in quarter notes, and its number from 0.
    pub(crate) bar: (f64, i64),
    /// The time signature.
    pub(crate) signature: Signature,
}

impl Transport {
    /// The state for a host that reports none: stopped.
    pub(crate) const STOPPED: Self = Self {
        is_playing: false,
        beats: None,
        tempo: (120.0, 0.0),
        repeat: None,
        bar: (0.0, 0),
        signature: Signature::COMMON,
    };
}

/// The player.
pub(crate) struct Player {
    cache: Cache,
    voices: Voices,
    sample_rate: f64,
    settings: Settings,
    /// Whether the host renders to a file and can wait.
    is_offline: bool,
    /// Number of samples of the block.
    n_samples: u32,
    /// The sample up to which the block has been played.
    now: u32,
    is_playing: bool,
    clock: Clock,
    repeat: Option<(f64, f64)>,
    bars: Bars,
    /// The song position up to which the music was played, in quarter notes.
    position: f64,
    /// The bar whose phrase was chosen.
    chosen: Option<i64>,
    /// The phrase that is playing.
    phrase: Option<Arc<Phrase>>,
    /// The number of the last state that was restored.
    epoch: u64,
}

impl Player {
    /// Creates a player that is stopped at the beginning of the song. Allocates.
    pub(crate) fn new(link: Link, settings: Settings) -> Self {
        let sample_rate = 48_000.0;
        Self {
            cache: Cache::new(link),
            voices: Voices::new(),
            sample_rate,
            settings,
            is_offline: false,
            n_samples: 0,
            now: 0,
            is_playing: false,
            clock: Clock::new(0, 0.0, (120.0, 0.0), sample_rate),
            repeat: None,
            bars: Bars::new(0.0, 0, Signature::COMMON),
            position: 0.0,
            chosen: None,
            phrase: None,
            epoch: 0,
        }
    }

    /// Sets the sample rate in Hz, from the next block on.
    pub(crate) fn set_sample_rate(&mut self, sample_rate: f64) {
        self.sample_rate = sample_rate;
    }

    /// Declares that the next block does not continue the last one: sounding notes end at its
    /// beginning.
    pub(crate) fn interrupt(&mut self) {
        self.voices.release();
        self.is_playing = false;
        self.chosen = None;
    }

    /// The phrase that is playing, and the number of the last state that was restored.
    pub(crate) fn playing(&self) -> (Option<&Arc<Phrase>>, u64) {
        (self.phrase.as_ref(), self.epoch)
    }

    /// Begins a block. `epoch` is the number of the last state that was loaded.
    ///
    /// In an offline render, waits until the music of that state has arrived.
    pub(crate) fn begin(&mut self, n_samples: u32, is_offline: bool, epoch: u64) {
        self.clock = self.clock.next_block(self.now);
        (self.n_samples, self.now, self.is_offline) = (n_samples, 0, is_offline);
        self.receive();
        if is_offline {
            self.wait_until(|player| player.epoch >= epoch);
        }
    }

    /// Plays up to a sample, and applies new settings from there on.
    pub(crate) fn set(&mut self, time: u32, settings: Settings, sink: &mut impl Sink) {
        self.play(time, sink);
        if settings.is_bypassed && !self.settings.is_bypassed {
            self.end_all(sink);
        }
        self.settings = settings;
    }

    /// Plays up to a sample, and follows the host from there on.
    pub(crate) fn follow(&mut self, time: u32, transport: &Transport, sink: &mut impl Sink) {
        self.play(time, sink);
        let expected = self.clock.beats_at(self.now.into());
        let was_playing = self.is_playing;
        // If the host reports no position, the song continues, or starts from the beginning when
        // playback starts.
        let usual = if was_playing || !transport.is_playing { expected } else { 0.0 };
        let beats = transport.beats.unwrap_or(usual);
        self.is_playing = transport.is_playing;
        self.clock = Clock::new(self.now, beats, transport.tempo, self.sample_rate);
        self.repeat = transport.repeat.filter(|(start, stop)| stop - start >= MIN_LOOP);
        let bars = Bars::new(transport.bar.0, transport.bar.1, transport.signature);
        if bars.signature() != self.bars.signature() {
            self.chosen = None;
        }
        self.bars = bars;
        let goes_on = was_playing && transport.is_playing && (beats - expected).abs() <= DRIFT;
        if !goes_on {
            self.end_all(sink);
            self.position = beats;
            self.chosen = None;
        }
    }

    /// Plays the rest of the block.
    pub(crate) fn finish(&mut self, sink: &mut impl Sink) {
        self.play(self.n_samples, sink);
        self.request();
    }

    /// Ends all sounding notes now.
    fn end_all(&mut self, sink: &mut impl Sink) {
        self.voices.release();
        if self.n_samples > 0 {
            self.voices.end_at(f64::NEG_INFINITY, self.last_sample(self.now), sink);
        }
    }

    /// Plays up to a sample.
    fn play(&mut self, to: u32, sink: &mut impl Sink) {
        let to = to.clamp(self.now, self.n_samples.max(self.now));
        if to == self.now {
            return;
        }
        while self.is_playing {
            let end = self.clock.beats_at(to.into());
            let wrap = self.repeat.filter(|(_, stop)| self.position < *stop && *stop < end);
            let Some((start, stop)) = wrap else {
                self.play_song(end, to, sink);
                break;
            };
            // The host's loop starts again within the block.
            self.play_song(stop, to, sink);
            let sample = self.clock.sample_at(stop);
            self.now = self.sample(stop, to);
            self.end_all(sink);
            self.clock = self.clock.jump(sample, start);
            (self.position, self.chosen) = (start, None);
        }
        self.now = to;
    }

    /// Plays up to a song position, which comes before sample `to`.
    fn play_song(&mut self, end: f64, to: u32, sink: &mut impl Sink) {
        while self.position < end {
            let bar = self.bars.at(self.position);
            let is_silent = self.phrase.is_none();
            if self.chosen != Some(bar.number) || is_silent {
                self.choose(bar.number);
                self.chosen = Some(bar.number);
            }
            let until = end.min(bar.end);
            self.play_bar(&bar, until, to, sink);
            if until <= self.position {
                // The position is so large that adding a bar does not change it.
                self.position = end;
            }
            self.position = until.max(self.position);
        }
    }

    /// Plays a bar up to a song position.
    fn play_bar(&mut self, bar: &Bar, until: f64, to: u32, sink: &mut impl Sink) {
        if let Some(phrase) = self.phrase.clone().filter(|_| !self.settings.is_bypassed) {
            let in_phrase = bar.number.rem_euclid(phrase.bars.into()) as u32;
            let first_tick = in_phrase * phrase.signature.bar();
            let quarter = f64::from(TICKS_PER_QUARTER);
            // Notes just before the position were played with the previous bars.
            let tick = whole(((self.position - bar.start - NEAR) * quarter).ceil());
            let from = phrase.first_from(first_tick.saturating_add(tick));
            let up_to = first_tick + phrase.signature.bar();
            for note in phrase.notes[from..].iter().take_while(|note| note.onset < up_to) {
                let onset = bar.start + f64::from(note.onset - first_tick) / quarter;
                if onset >= until - NEAR {
                    break;
                }
                self.end_up_to(onset + NEAR, to, sink);
                let key = self.key(note.channel, note.pitch);
                let end = onset + f64::from(note.duration) / quarter;
                let time = self.advance(onset, to);
                self.voices.start((note.channel, key, note.velocity), end, time, sink);
            }
        }
        self.end_up_to(until - NEAR, to, sink);
    }

    /// Ends the notes that end at or before a song position, in order, and those whose ends the
    /// host refused earlier.
    fn end_up_to(&mut self, position: f64, to: u32, sink: &mut impl Sink) {
        while let Some(end) = self.voices.next_end(position) {
            let time = if end.is_finite() { self.advance(end, to) } else { self.now };
            if !self.voices.end_at(end, time, sink) {
                return;
            }
        }
    }

    /// Advances to the sample of a song position, before sample `to`; never goes back in time.
    fn advance(&mut self, position: f64, to: u32) -> u32 {
        self.now = self.sample(position, to);
        self.now
    }

    fn sample(&self, position: f64, to: u32) -> u32 {
        // The sample that the position is in.
        let sample = whole(self.clock.sample_at(position) + ROUNDING);
        sample.clamp(self.now, self.last_sample(to - 1).max(self.now))
    }

    fn last_sample(&self, sample: u32) -> u32 {
        sample.min(self.n_samples.saturating_sub(1))
    }

    /// The key of a note, transposed within the range of keys.
    fn key(&self, channel: u8, pitch: u8) -> u8 {
        let by = if channel == DRUM_CHANNEL { 0 } else { i16::from(self.settings.transpose) };
        let mut key = i16::from(pitch) + by;
        while key < 0 {
            key += 12;
        }
        while key > 127 {
            key -= 12;
        }
        u8::try_from(key).unwrap_or(pitch)
    }

    /// Whether the music is kept regardless of the settings.
    fn is_held(&self) -> bool {
        self.settings.is_locked && self.phrase.is_some()
    }

    /// Chooses the phrase to play a bar from: the one that the settings determine or, until that
    /// has arrived, the last one for the same place in the song, or else the current one.
    ///
    /// In an offline render, waits for the one that the settings determine.
    fn choose(&mut self, bar: i64) {
        if self.is_held() {
            return;
        }
        let key = self.settings.key_of_bar(bar, self.bars.signature());
        if self.is_offline {
            self.wait_until(|player| {
                let is_here = !matches!(player.cache.get(&key), Known::Nothing);
                if !is_here {
                    player.cache.request(&key);
                }
                is_here
            });
        }
        let newest = |cache: &Cache| cache.newest(key.number, key.signature).cloned();
        self.phrase = match self.cache.get(&key) {
            Known::Music(phrase) => Some(Arc::clone(phrase)),
            Known::Impossible => self.phrase.take().or_else(|| newest(&self.cache)),
            Known::Nothing => newest(&self.cache).or_else(|| self.phrase.take()),
        };
    }

    /// Requests the phrases of this bar and of the next one.
    fn request(&mut self) {
        if self.is_held() {
            return;
        }
        let bar = self.bars.at(self.position);
        let next = match self.repeat {
            Some((start, stop)) if self.position < stop && bar.end >= stop - NEAR => {
                self.bars.at(start).number
            }
            _ => bar.number.saturating_add(1),
        };
        for number in [bar.number, next] {
            let key: PhraseKey = self.settings.key_of_bar(number, self.bars.signature());
            self.cache.request(&key);
        }
    }

    /// Receives what the generator has sent. The music of a loaded state plays immediately.
    fn receive(&mut self) {
        while let Some(restored) = self.cache.receive(self.phrase.as_ref()) {
            self.voices.release();
            self.phrase = restored.phrase;
            self.epoch = restored.epoch;
            self.chosen = None;
        }
    }

    /// Waits until a condition holds, for at most [`PATIENCE`].
    fn wait_until(&mut self, mut is_so: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
            self.receive();
        }
    }
}
