//! A DAW with one track and one plug-in.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::Ordering;

use clack_extensions::params::PluginParams;
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::events::Pckn;
use clack_host::events::event_types::{ParamValueEvent, TransportEvent};
use clack_host::events::io::EventBuffer;
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::utils::ClapId;
use nice_assert_no_alloc::assert_no_alloc;
use plugin::ParamId;

use crate::host::{Heard, HostShared, Room, TestEntry, TestHost};
use crate::song::{RATE, Song, tick};

/// The longest block.
pub(crate) const MAX_BLOCK: u32 = 4096;
/// Number of samples of a typical block.
pub(crate) const BLOCK: u32 = 512;
/// Maximum number of events that the host takes per block.
const MAX_EVENTS: usize = 4096;

/// A parameter change: the sample within the block, the parameter, the value.
pub(crate) type Change = (u32, ParamId, f64);

pub(crate) struct Daw {
    instance: PluginInstance<TestHost>,
    processor: Option<StartedPluginAudioProcessor<TestHost>>,
    pub(crate) song: Song,
    /// All events that were received.
    pub(crate) heard: Vec<Heard>,
    /// The sounding notes by number, with the events that started them.
    sounding: BTreeMap<u32, Heard>,
    room: Room,
    input: EventBuffer,
    ports: AudioPorts,
    silence: Vec<f32>,
    now: u64,
    is_bypassed: bool,
}

impl Daw {
    /// A new song with an active plug-in for a model, rendering offline, so that it waits for
    /// music.
    pub(crate) fn offline(model: &str) -> Self {
        let mut daw = Self::new(model);
        daw.render(RenderMode::Offline);
        daw.activate();
        daw
    }

    /// The same in real time: nothing waits.
    pub(crate) fn live(model: &str) -> Self {
        let mut daw = Self::new(model);
        daw.activate();
        daw
    }

    /// The same, after the first phrase with these settings has played.
    pub(crate) fn live_with_music(model: &str, settings: &[(ParamId, f64)]) -> Self {
        let mut daw = Self::offline(model);
        daw.set(settings);
        daw.play_to(0.1);
        daw.render(RenderMode::Realtime);
        daw
    }

    /// A plug-in that is not active yet.
    pub(crate) fn new(model: &str) -> Self {
        let entry = PluginEntry::load_from_clack::<TestEntry>(c"controlgen.clap").unwrap();
        let info = HostInfo::new("Tests", "controlgen", "", "1").unwrap();
        let id = CString::new(format!("controlgen.{model}")).unwrap();
        let instance =
            PluginInstance::new(|()| HostShared::default(), |_| (), &entry, &id, &info).unwrap();
        Self {
            instance,
            processor: None,
            song: Song::new(),
            heard: Vec::new(),
            sounding: BTreeMap::new(),
            room: Room::new(MAX_EVENTS),
            input: EventBuffer::with_capacity(1024),
            ports: AudioPorts::with_capacity(1, 1),
            silence: vec![0.0; MAX_BLOCK as usize],
            now: 0,
            is_bypassed: false,
        }
    }

    pub(crate) fn activate(&mut self) {
        let configuration = PluginAudioConfiguration {
            sample_rate: RATE,
            min_frames_count: 1,
            max_frames_count: MAX_BLOCK,
        };
        let stopped = self.instance.activate(|_, ()| (), configuration).unwrap();
        self.processor = Some(stopped.start_processing().unwrap());
    }

    pub(crate) fn deactivate(&mut self) {
        let stopped = self.processor.take().unwrap().stop_processing();
        self.instance.deactivate(stopped);
    }

    /// Puts the plug-in to sleep and wakes it.
    pub(crate) fn sleep_and_wake(&mut self) {
        let stopped = self.processor.take().unwrap().stop_processing();
        self.processor = Some(stopped.start_processing().unwrap());
    }

    pub(crate) fn reset(&mut self) {
        self.processor.as_mut().unwrap().reset();
    }

    pub(crate) fn render(&mut self, mode: RenderMode) {
        let handle = self.instance.plugin_handle();
        let render = handle.get_extension::<PluginRender>().unwrap();
        render.set(&handle, mode).unwrap();
    }

    /// Limits the number of events that the host takes in a block.
    pub(crate) fn set_room(&mut self, size: usize) {
        self.room.size = size;
    }

    pub(crate) fn instance(&mut self) -> &mut PluginInstance<TestHost> {
        &mut self.instance
    }

    /// The messages that the plug-in has logged since the last call.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        let wants = |host: &HostShared| host.wants_callback.swap(false, Ordering::Relaxed);
        if self.instance.access_shared_handler(wants) {
            self.instance.call_on_main_thread_callback();
        }
        self.instance
            .access_shared_handler(|host| std::mem::take(&mut *host.messages.lock().unwrap()))
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        let handle = self.instance.plugin_handle();
        let mut bytes = Vec::new();
        handle.get_extension::<PluginState>().unwrap().save(&handle, &mut bytes).unwrap();
        bytes
    }

    /// The saved state as JSON.
    pub(crate) fn saved(&mut self) -> serde_json::Value {
        serde_json::from_slice(&self.save()).unwrap()
    }

    /// Loads a state; returns whether the plug-in accepted it.
    pub(crate) fn load(&mut self, mut bytes: &[u8]) -> bool {
        let handle = self.instance.plugin_handle();
        let is_taken =
            handle.get_extension::<PluginState>().unwrap().load(&handle, &mut bytes).is_ok();
        self.is_bypassed = self.value(ParamId::Bypass) >= 0.5;
        is_taken
    }

    pub(crate) fn value(&mut self, param: ParamId) -> f64 {
        let handle = self.instance.plugin_handle();
        let params = handle.get_extension::<PluginParams>().unwrap();
        params.get_value(&handle, ClapId::new(param.id())).unwrap()
    }

    /// Plays up to the first sample at or after a song position, in blocks.
    pub(crate) fn play_to(&mut self, beats: f64) {
        let beats = beats - 1e-9;
        while self.song.beats < beats {
            let last = (1..BLOCK).find(|n| self.song.later((*n).into()) >= beats);
            self.advance(last.unwrap_or(BLOCK), &[]);
        }
    }

    /// Sets parameters in a block while the song is stopped.
    pub(crate) fn set(&mut self, changes: &[(ParamId, f64)]) {
        let changes: Vec<Change> = changes.iter().map(|(param, v)| (0, *param, *v)).collect();
        let was_playing = std::mem::replace(&mut self.song.is_playing, false);
        self.advance(1, &changes);
        self.song.is_playing = was_playing;
    }

    /// Processes samples with parameter changes, in one block, or in two if the song loops.
    pub(crate) fn advance(&mut self, n: u32, changes: &[Change]) {
        let wraps = |song: &Song| {
            let (start, stop) = song.repeat.filter(|_| song.is_playing)?;
            let crosses = song.beats < stop - 1e-9 && song.later(n.into()) >= stop;
            crosses.then_some((start, stop))
        };
        let Some((start, stop)) = wraps(&self.song) else {
            self.block(n, changes);
            return;
        };
        if !self.song.splits_blocks {
            self.block(n, changes);
            self.song.beats = start + (self.song.beats - stop).max(0.0) % (stop - start);
            return;
        }
        let first = (1..=n).find(|n| self.song.later((*n).into()) >= stop).unwrap_or(n);
        let (before, after): (Vec<Change>, Vec<Change>) =
            changes.iter().partition(|(time, ..)| *time < first);
        self.block(first, &before);
        self.song.beats = start + (self.song.beats - stop).max(0.0);
        if n > first {
            let after: Vec<Change> =
                after.into_iter().map(|(time, param, v)| (time - first, param, v)).collect();
            self.advance(n - first, &after);
        }
    }

    /// Processes a block with an invalid time signature; the song does not advance.
    pub(crate) fn strange_block(&mut self, n: u32, signature: (u16, u16)) {
        let mut transport = self.song.transport(0);
        (transport.time_signature_numerator, transport.time_signature_denominator) = signature;
        self.input.clear();
        self.process(n, &transport);
        // The same in the middle of the block.
        transport.header.set_time(n / 2);
        self.input.push(&transport);
        self.process(n, &transport);
    }

    /// Processes a block, checks its events, and advances the song.
    fn block(&mut self, n: u32, changes: &[Change]) {
        let transport = self.song.transport(0);
        self.input.clear();
        for (time, param, value) in changes {
            let id = ClapId::new(param.id());
            self.input.push(&ParamValueEvent::new(*time, id, Pckn::match_all(), *value));
            if *param == ParamId::Bypass && !value.is_nan() {
                self.is_bypassed = *value >= 0.5;
            }
        }
        self.process(n, &transport);
        // Rounding of the host's own position is not the plug-in's.
        self.song.beats = self.song.later(n.into());
        if self.song.is_playing {
            self.song.tempo += self.song.tempo_per_sample * f64::from(n);
        }
    }

    fn process(&mut self, n: u32, transport: &TransportEvent) {
        let silence = &mut self.silence[..n as usize];
        let input = self.ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only([InputChannel::constant(silence)]),
        }]);
        let processor = self.processor.as_mut().unwrap();
        let status = assert_no_alloc(|| {
            processor.process(
                &input,
                &mut OutputAudioBuffers::empty(),
                &self.input.as_input(),
                &mut OutputEvents::from_buffer(&mut self.room),
                Some(self.now),
                Some(transport),
            )
        });
        assert!(status.is_ok());
        self.check(n);
        self.now += u64::from(n);
    }

    fn check(&mut self, n: u32) {
        assert_eq!(self.room.strange, None, "an event of a type that no host asked for");
        let is_full = self.room.events.len() == self.room.size;
        let mut last = 0;
        for mut event in self.room.events.drain(..) {
            assert!(event.time >= last, "events go back in time: {event:?} after {last}");
            assert!(event.time < n, "{event:?} in a block of {n}");
            assert!(event.channel < 16 && event.key < 128, "{event:?}");
            last = event.time;
            event.at = self.now + u64::from(event.time);
            event.beats = self.song.later(event.time.into());
            if event.is_on {
                assert!(event.velocity > 0.0 && event.velocity <= 1.0, "{event:?}");
                let same = |s: &Heard| (s.channel, s.key) == (event.channel, event.key);
                assert!(!self.sounding.values().any(same), "{event:?} sounds already");
                assert!(self.sounding.insert(event.id, event).is_none(), "{event:?} twice");
            } else {
                let started = self.sounding.remove(&event.id);
                let started = started.unwrap_or_else(|| panic!("{event:?} does not sound"));
                assert_eq!((started.channel, started.key), (event.channel, event.key));
            }
            self.heard.push(event);
        }
        if (!self.song.is_playing || self.is_bypassed) && !is_full && n > 0 {
            assert!(self.sounding.is_empty(), "stuck: {:?}", self.sounding);
        }
        // No phrase is longer than 32 bars, and no bar here than 6 quarters at 20 a minute.
        let oldest = self.sounding.values().map(|note| self.now + u64::from(n) - note.at).max();
        let longest = 32 * 18 * 48_000;
        assert!(oldest.unwrap_or(0) < longest, "stuck: {:?}", self.sounding);
    }

    /// Number of the first sample of the next block since the start of the test.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Number of sounding notes.
    pub(crate) fn n_sounding(&self) -> usize {
        self.sounding.len()
    }

    /// The onsets heard since the last call: position in ticks of the song, channel, key.
    pub(crate) fn onsets(&mut self) -> Vec<(i64, u16, u16)> {
        let heard = std::mem::take(&mut self.heard);
        let onsets = heard.iter().filter(|event| event.is_on);
        let mut onsets: Vec<(i64, u16, u16)> = onsets
            // A tick has 50 samples at 120 quarter notes per minute.
            .map(|event| (tick(event.beats), event.channel, event.key))
            .collect();
        onsets.sort_unstable();
        onsets
    }
}

impl Drop for Daw {
    fn drop(&mut self) {
        if self.processor.is_some() {
            self.deactivate();
        }
    }
}
