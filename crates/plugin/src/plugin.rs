//! The plug-in's CLAP interface: parameters, note output, state, processing.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clack_extensions::log::{HostLog, LogSeverity};
use clack_extensions::note_ports::{
    NoteDialect, NoteDialects, NotePortInfo, NotePortInfoWriter, PluginNotePorts,
    PluginNotePortsImpl,
};
use clack_extensions::params::{
    HostParams, ParamDisplayWriter, ParamInfo, ParamInfoFlags, ParamInfoWriter, ParamRescanFlags,
    PluginAudioProcessorParams, PluginMainThreadParams, PluginParams,
};
use clack_extensions::render::{PluginRender, PluginRenderImpl, RenderMode};
use clack_extensions::state::{PluginState, PluginStateImpl};
use clack_plugin::events::event_types::{
    NoteOffEvent, NoteOnEvent, ParamValueEvent, TransportEvent, TransportFlags,
};
use clack_plugin::events::spaces::CoreEventSpace;
use clack_plugin::prelude::*;
use clack_plugin::stream::{InputStream, OutputStream};
use clack_plugin::utils::Cookie;

use crate::entry::ModelSource;
use crate::generator::{Generator, Mailbox};
use crate::params::{Kind, ParamId, Params, default_of};
use crate::phrase::Signature;
use crate::player::{Link, Player, Sink, Transport, Voice};
use crate::state::{MAX_STATE_BYTES, State, StateError};

/// The identifier of the only note port.
const OUTPUT: u32 = 0;

/// The plug-in.
pub(crate) struct Controlgen;

impl Plugin for Controlgen {
    type AudioProcessor<'a> = Processor<'a>;
    type Shared<'a> = Shared;
    type MainThread<'a> = MainThread<'a>;

    fn declare_extensions(builder: &mut PluginExtensions<'_, Self>, _: Option<&Shared>) {
        builder
            .register::<PluginNotePorts>()
            .register::<PluginParams>()
            .register::<PluginRender>()
            .register::<PluginState>();
    }
}

/// Data used by all threads; no method blocks.
pub(crate) struct Shared {
    model: String,
    params: Params,
    mailbox: Arc<Mailbox>,
    is_offline: AtomicBool,
    /// The number of the phrase that is playing; 0 if none is.
    playing: AtomicU64,
    /// The number of the last state that was loaded.
    epoch: AtomicU64,
}

/// Parts for the main thread, available once the model is open.
pub(crate) struct Parts {
    generator: Generator,
    link: Link,
}

impl Shared {
    /// Opens the model and starts the generator.
    pub(crate) fn open(model: &str, source: ModelSource) -> Result<(Self, Parts), PluginError> {
        let (generator, link, catalog) = Generator::start(source)?;
        let shared = Self {
            model: model.to_owned(),
            params: Params::new(catalog),
            mailbox: Arc::clone(generator.mailbox()),
            is_offline: AtomicBool::new(false),
            playing: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
        };
        Ok((shared, Parts { generator, link }))
    }

    /// Sets the parameter of an event.
    fn set(&self, event: &ParamValueEvent) {
        let param = event.param_id().and_then(|id| self.params.find(id.get()));
        if let Some(param) = param {
            self.params.set(param, event.value());
        }
    }

    /// Sets the parameters of a list of events.
    fn set_all(&self, events: &InputEvents<'_>) {
        for event in events {
            if let Some(CoreEventSpace::ParamValue(event)) = event.as_core_event() {
                self.set(event);
            }
        }
    }
}

impl PluginShared<'_> for Shared {}

/// The main thread's part.
pub(crate) struct MainThread<'a> {
    host: HostMainThreadHandle<'a>,
    shared: &'a Shared,
    generator: Generator,
    /// The player while the plug-in is inactive, so that notes that were sounding end when it is
    /// activated again.
    player: RefCell<Option<Player>>,
}

impl<'a> MainThread<'a> {
    pub(crate) fn new(host: HostMainThreadHandle<'a>, shared: &'a Shared, parts: Parts) -> Self {
        let player = Player::new(parts.link, shared.params.settings());
        Self { host, shared, generator: parts.generator, player: RefCell::new(Some(player)) }
    }

    /// Passes messages on to the host's log.
    fn log(&self) {
        let log = self.host.get_extension::<HostLog>();
        for message in self.shared.mailbox.take_messages() {
            // Our texts contain no NUL characters.
            if let (Some(log), Ok(text)) = (log, CString::new(message)) {
                log.log(&self.host, LogSeverity::Warning, &text);
            }
        }
    }

    fn load_state(&self, input: &mut InputStream<'_>) -> Result<(), StateError> {
        let mut bytes = Vec::new();
        input.take(MAX_STATE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_STATE_BYTES {
            return Err(StateError::Long);
        }
        let shared = self.shared;
        // Nothing changes unless the whole state is valid.
        let restored = State::from_bytes(&bytes)?.apply(&shared.model, &shared.params)?;
        for (param, value) in restored.values {
            shared.params.set(param, value);
        }
        let phrase = restored.phrase.map(Arc::new);
        shared.playing.store(phrase.as_ref().map_or(0, |phrase| phrase.id), Ordering::Relaxed);
        let epoch = shared.epoch.load(Ordering::Relaxed) + 1;
        shared.mailbox.restore(phrase, epoch);
        shared.epoch.store(epoch, Ordering::Release);
        self.generator.wake();
        restored.messages.into_iter().for_each(|message| shared.mailbox.report(message));
        Ok(())
    }
}

impl<'a> PluginMainThread<'a, Shared> for MainThread<'a> {
    fn on_main_thread(&self) {
        self.log();
    }
}

impl PluginNotePortsImpl for MainThread<'_> {
    fn count(&self, is_input: bool) -> u32 {
        u32::from(!is_input)
    }

    fn get(&self, index: u32, is_input: bool, writer: &mut NotePortInfoWriter<'_>) {
        if index == 0 && !is_input {
            writer.set(&NotePortInfo {
                id: ClapId::new(OUTPUT),
                name: b"Music",
                supported_dialects: NoteDialects::CLAP,
                preferred_dialect: Some(NoteDialect::Clap),
            });
        }
    }
}

impl PluginMainThreadParams for MainThread<'_> {
    fn count(&self) -> u32 {
        u32::try_from(self.shared.params.list().len()).unwrap_or(u32::MAX)
    }

    fn get_info(&self, index: u32, info: &mut ParamInfoWriter<'_>) {
        let params = &self.shared.params;
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(param) = params.list().get(at).copied() else { return };
        let mut flags = ParamInfoFlags::IS_AUTOMATABLE;
        match param.kind() {
            Kind::Continuous => {}
            Kind::Whole | Kind::Switch => flags |= ParamInfoFlags::IS_STEPPED,
            Kind::Choice => flags |= ParamInfoFlags::IS_STEPPED | ParamInfoFlags::IS_ENUM,
        }
        if param == ParamId::Bypass {
            flags |= ParamInfoFlags::IS_BYPASS;
        }
        let (min_value, max_value) = params.range(param);
        info.set(&ParamInfo {
            id: ClapId::new(param.id()),
            flags,
            cookie: Cookie::empty(),
            name: param.title().as_bytes(),
            module: param.module().as_bytes(),
            min_value,
            max_value,
            default_value: default_of(param),
        });
    }

    fn get_value(&self, id: ClapId) -> Option<f64> {
        let params = &self.shared.params;
        params.find(id.get()).map(|param| params.get(param))
    }

    fn value_to_text(
        &self,
        id: ClapId,
        value: f64,
        writer: &mut ParamDisplayWriter<'_>,
    ) -> std::fmt::Result {
        let params = &self.shared.params;
        let param = params.find(id.get()).ok_or(std::fmt::Error)?;
        let mut text = String::new();
        params.write(param, value, &mut text)?;
        // The host's buffer may end within a character.
        let mut end = text.len().min(writer.remaining_len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        writer.write_str(&text[..end])
    }

    fn text_to_value(&self, id: ClapId, text: &CStr) -> Option<f64> {
        let params = &self.shared.params;
        params.read(params.find(id.get())?, text.to_str().ok()?)
    }

    fn flush(&self, input: &InputEvents<'_>, _: &mut OutputEvents<'_>) {
        self.shared.set_all(input);
    }
}

impl PluginRenderImpl for MainThread<'_> {
    fn has_hard_realtime_requirement(&self) -> bool {
        false
    }

    fn set(&self, mode: RenderMode) -> Result<(), PluginError> {
        self.shared.is_offline.store(mode == RenderMode::Offline, Ordering::Relaxed);
        Ok(())
    }
}

impl PluginStateImpl for MainThread<'_> {
    fn save(&self, output: &mut OutputStream<'_>) -> Result<(), PluginError> {
        let shared = self.shared;
        // The phrase may be dropped between the two lookups, but then its successor is found.
        let find = || shared.mailbox.phrase(shared.playing.load(Ordering::Acquire));
        let phrase = find().or_else(find);
        let state = State::new(&shared.model, &shared.params, phrase.as_deref());
        output.write_all(&state.to_bytes())?;
        Ok(())
    }

    fn load(&self, input: &mut InputStream<'_>) -> Result<(), PluginError> {
        let outcome = self.load_state(input);
        if let Err(error) = &outcome {
            self.shared.mailbox.report(error.to_string());
        }
        self.log();
        outcome?;
        if let Some(params) = self.host.get_extension::<HostParams>() {
            params.rescan(&self.host, ParamRescanFlags::VALUES);
        }
        Ok(())
    }
}

/// The audio thread's part.
pub(crate) struct Processor<'a> {
    host: HostAudioProcessorHandle<'a>,
    shared: &'a Shared,
    player: Player,
}

impl<'a> PluginAudioProcessor<'a, Shared, MainThread<'a>> for Processor<'a> {
    fn activate(
        host: HostAudioProcessorHandle<'a>,
        main_thread: &MainThread<'a>,
        shared: &'a Shared,
        audio_config: PluginAudioConfiguration,
    ) -> Result<Self, PluginError> {
        let player = main_thread.player.borrow_mut().take();
        let mut player = player.ok_or(PluginError::Message("the plug-in is already active"))?;
        player.set_sample_rate(audio_config.sample_rate);
        main_thread.generator.set_active(true);
        Ok(Self { host, shared, player })
    }

    fn process(
        &mut self,
        process: Process<'_>,
        audio: Audio<'_>,
        events: Events<'_>,
    ) -> Result<ProcessStatus, PluginError> {
        let (shared, player) = (self.shared, &mut self.player);
        let is_offline = shared.is_offline.load(Ordering::Relaxed);
        player.begin(audio.frames_count(), is_offline, shared.epoch.load(Ordering::Acquire));
        let mut output = Output(events.output);
        let transport = process.transport.map_or(Transport::STOPPED, Transport::from_event);
        // The host, or another thread, may have changed parameters since the last block.
        player.set(0, shared.params.settings(), &mut output);
        player.follow(0, &transport, &mut output);
        for event in events.input {
            let time = event.header().time();
            match event.as_core_event() {
                Some(CoreEventSpace::ParamValue(event)) => {
                    shared.set(event);
                    player.set(time, shared.params.settings(), &mut output);
                }
                Some(CoreEventSpace::Transport(event)) => {
                    player.follow(time, &Transport::from_event(event), &mut output);
                }
                _ => {}
            }
        }
        player.finish(&mut output);
        let (phrase, epoch) = player.playing();
        // Until a loaded state reaches the player, it is the one to be saved.
        if epoch == shared.epoch.load(Ordering::Acquire) {
            shared.playing.store(phrase.map_or(0, |phrase| phrase.id), Ordering::Release);
        }
        if shared.mailbox.take_alert() {
            self.host.request_callback();
        }
        Ok(ProcessStatus::Continue)
    }

    fn deactivate(mut self, main_thread: &MainThread<'a>) {
        self.player.interrupt();
        *main_thread.player.borrow_mut() = Some(self.player);
        main_thread.generator.set_active(false);
    }

    fn reset(&mut self) {
        self.player.interrupt();
    }

    fn stop_processing(&mut self) {
        self.player.interrupt();
    }
}

impl PluginAudioProcessorParams for Processor<'_> {
    fn flush(&mut self, input: &InputEvents<'_>, _: &mut OutputEvents<'_>) {
        self.shared.set_all(input);
    }
}

impl Transport {
    /// Converts the host's transport event.
    fn from_event(event: &TransportEvent) -> Self {
        let has = |flags| event.flags.contains(flags);
        let has_beats = has(TransportFlags::HAS_BEATS_TIMELINE);
        let signature =
            Signature::new(event.time_signature_numerator, event.time_signature_denominator);
        let repeats = has_beats && has(TransportFlags::IS_LOOP_ACTIVE);
        Self {
            is_playing: has(TransportFlags::IS_PLAYING),
            beats: has_beats.then(|| event.song_pos_beats.to_float()),
            tempo: if has(TransportFlags::HAS_TEMPO) {
                (event.tempo, event.tempo_inc)
            } else {
                Self::STOPPED.tempo
            },
            repeat: repeats
                .then(|| (event.loop_start_beats.to_float(), event.loop_end_beats.to_float())),
            bar: if has_beats {
                (event.bar_start.to_float(), event.bar_number.into())
            } else {
                Self::STOPPED.bar
            },
            signature: signature
                .filter(|_| has(TransportFlags::HAS_TIME_SIGNATURE))
                .unwrap_or(Signature::COMMON),
        }
    }
}

/// The host's event list.
struct Output<'a, 'b>(&'a mut OutputEvents<'b>);

impl Output<'_, '_> {
    fn pckn(voice: Voice) -> Pckn {
        Pckn::new(0_u16, u16::from(voice.channel), u16::from(voice.key), voice.id)
    }
}

impl Sink for Output<'_, '_> {
    fn note_on(&mut self, time: u32, voice: Voice, velocity: u8) -> bool {
        let velocity = f64::from(velocity) / 127.0;
        self.0.try_push(NoteOnEvent::new(time, Self::pckn(voice), velocity)).is_ok()
    }

    fn note_off(&mut self, time: u32, voice: Voice) -> bool {
        self.0.try_push(NoteOffEvent::new(time, Self::pckn(voice), 0.0)).is_ok()
    }
}
