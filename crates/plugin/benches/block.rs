//! The cost of a block of 512 samples on the audio thread.

use std::ffi::CStr;
use std::hint::black_box;
use std::time::{Duration, Instant};

use clack_extensions::render::{PluginRender, RenderMode};
use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::events::io::EventBuffer;
use clack_host::events::{EventFlags, EventHeader};
use clack_host::prelude::*;
use clack_host::process::StartedPluginAudioProcessor;
use clack_host::utils::{BeatTime, SecondsTime};
use criterion::{Criterion, criterion_group, criterion_main};
use plugin::ControlgenEntry;

const BLOCK: usize = 512;
const RATE: f64 = 48_000.0;
const TEMPO: f64 = 120.0;
/// Length of one phrase of eight bars, in quarter notes.
const PHRASE: f64 = 32.0;

struct Host;

impl HostHandlers for Host {
    type Shared<'a> = HostShared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
}

struct HostShared;

impl SharedHandler<'_> for HostShared {
    fn request_restart(&self) {}

    fn request_process(&self) {}

    fn request_callback(&self) {}
}

/// A plug-in in a song.
struct Song {
    processor: StartedPluginAudioProcessor<Host>,
    ports: AudioPorts,
    silence: [f32; BLOCK],
    output: EventBuffer,
    beats: f64,
    is_playing: bool,
}

impl Song {
    /// Processes a block; returns how long the plug-in took.
    fn block(&mut self) -> Duration {
        let bar = (self.beats / 4.0).floor();
        let mut flags = TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE;
        flags.set(TransportFlags::IS_PLAYING, self.is_playing);
        let transport = TransportEvent {
            header: EventHeader::new_core(0, EventFlags::empty()),
            flags,
            song_pos_beats: BeatTime::from_float(self.beats),
            song_pos_seconds: SecondsTime::from_float(0.0),
            tempo: TEMPO,
            tempo_inc: 0.0,
            loop_start_beats: BeatTime::from_float(0.0),
            loop_end_beats: BeatTime::from_float(0.0),
            loop_start_seconds: SecondsTime::from_float(0.0),
            loop_end_seconds: SecondsTime::from_float(0.0),
            bar_start: BeatTime::from_float(4.0 * bar),
            bar_number: bar as i32,
            time_signature_numerator: 4,
            time_signature_denominator: 4,
        };
        self.output.clear();
        let input = self.ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only([InputChannel::constant(
                &mut self.silence,
            )]),
        }]);
        let start = Instant::now();
        let status = self.processor.process(
            &input,
            &mut OutputAudioBuffers::empty(),
            &InputEvents::empty(),
            &mut self.output.as_output(),
            None,
            Some(&transport),
        );
        let took = start.elapsed();
        assert!(status.is_ok());
        black_box(self.output.len());
        if self.is_playing {
            // Repeats the same phrase.
            self.beats = (self.beats + BLOCK as f64 / RATE * TEMPO / 60.0) % PHRASE;
        }
        took
    }
}

fn blocks(criterion: &mut Criterion) {
    let entry = PluginEntry::load_from_clack::<ControlgenEntry>(c"controlgen.clap")
        .expect("it has no requirements for its host");
    let info = HostInfo::new("bench", "controlgen", "", "1").expect("no zeros");
    let id: &CStr = c"controlgen.poly";
    let mut instance = PluginInstance::<Host>::new(|()| HostShared, |_| (), &entry, id, &info)
        .expect("the model is in the program");
    let handle = instance.plugin_handle();
    let render = handle.get_extension::<PluginRender>().expect("it has this extension");
    render.set(&handle, RenderMode::Offline).expect("it renders offline");
    let configuration = PluginAudioConfiguration {
        sample_rate: RATE,
        min_frames_count: 1,
        max_frames_count: BLOCK as u32,
    };
    let stopped = instance.activate(|_, ()| (), configuration).expect("it is not active yet");
    let mut song = Song {
        processor: stopped.start_processing().expect("it is active"),
        ports: AudioPorts::with_capacity(1, 1),
        silence: [0.0; BLOCK],
        output: EventBuffer::with_capacity(1024),
        beats: 0.0,
        is_playing: true,
    };
    // Composes the music before the measurement starts.
    while song.beats < PHRASE - 0.1 {
        song.block();
    }
    for (name, is_playing) in [("stands", false), ("plays", true)] {
        song.is_playing = is_playing;
        criterion.bench_function(&format!("a block of 512 samples, the song {name}"), |bencher| {
            bencher.iter_custom(|n| (0..n).map(|_| song.block()).sum());
        });
    }
    instance.deactivate(song.processor.stop_processing());
}

criterion_group!(benches, blocks);
criterion_main!(benches);
