//! A CLAP host: entry, callbacks, event lists.

use std::ffi::CStr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clack_extensions::log::{HostLog, HostLogImpl, LogSeverity};
use clack_host::events::io::{OutputEventBuffer, TryPushError};
use clack_host::events::spaces::CoreEventSpace;
use clack_host::events::{Match, UnknownEvent};
use clack_host::prelude::*;
use clack_plugin::entry::{Entry, EntryFactories, EntryLoadError};
use clack_plugin::factory::plugin::PluginFactoryWrapper;
use plugin::{ModelSource, PluginFactory};

/// The plug-ins of the models `poly` and `drums` in this repository.
pub(crate) struct TestEntry(PluginFactoryWrapper<PluginFactory>);

impl Entry for TestEntry {
    fn new(_: Option<&CStr>) -> Result<Self, EntryLoadError> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/model");
        let plugins =
            ["poly", "drums"].map(|name| (name.to_owned(), ModelSource::Folder(models.join(name))));
        Ok(Self(PluginFactoryWrapper::new(PluginFactory::new(plugins))))
    }

    fn declare_factories<'a>(&'a self, builder: &mut EntryFactories<'a>) {
        builder.register_factory(&self.0);
    }
}

pub(crate) struct TestHost;

#[derive(Default)]
pub(crate) struct HostShared {
    pub(crate) wants_callback: AtomicBool,
    pub(crate) messages: Mutex<Vec<String>>,
}

impl HostHandlers for TestHost {
    type Shared<'a> = HostShared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<'_, Self>, _: &HostShared) {
        builder.register::<HostLog>();
    }
}

impl SharedHandler<'_> for HostShared {
    fn request_restart(&self) {}

    fn request_process(&self) {}

    fn request_callback(&self) {
        self.wants_callback.store(true, Ordering::Relaxed);
    }
}

impl HostLogImpl for HostShared {
    fn log(&self, _: LogSeverity, message: &str) {
        self.messages.lock().unwrap().push(message.to_owned());
    }
}

/// An event that the plug-in sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heard {
    /// The sample since the test began.
    pub(crate) at: u64,
    /// The song position at that sample, in quarter notes.
    pub(crate) beats: f64,
    pub(crate) is_on: bool,
    pub(crate) channel: u16,
    pub(crate) key: u16,
    pub(crate) velocity: f64,
    /// Its number.
    pub(crate) id: u32,
    /// The sample of its block.
    pub(crate) time: u32,
}

/// A host's event list with limited capacity.
pub(crate) struct Room {
    pub(crate) events: Vec<Heard>,
    pub(crate) size: usize,
    /// The type of an event that is not a note.
    pub(crate) strange: Option<u16>,
}

impl Room {
    pub(crate) fn new(size: usize) -> Self {
        Self { events: Vec::with_capacity(size), size, strange: None }
    }
}

impl OutputEventBuffer for Room {
    fn try_push(&mut self, event: &UnknownEvent) -> Result<(), TryPushError> {
        if self.events.len() == self.size.min(self.events.capacity()) {
            return Err(TryPushError::new());
        }
        let of = |value: Match<u16>| value.into_specific().unwrap_or(u16::MAX);
        let (is_on, pckn, velocity) = match event.as_core_event() {
            Some(CoreEventSpace::NoteOn(note)) => (true, note.pckn(), note.velocity()),
            Some(CoreEventSpace::NoteOff(note)) => (false, note.pckn(), note.velocity()),
            _ => {
                self.strange = Some(event.header().type_id());
                return Ok(());
            }
        };
        self.events.push(Heard {
            at: 0,
            beats: 0.0,
            is_on,
            channel: of(pckn.channel),
            key: of(pckn.key),
            velocity,
            id: pckn.note_id.into_specific().unwrap_or(u32::MAX),
            time: event.header().time(),
        });
        Ok(())
    }
}
