//! The contents of the file for a host: a plug-in for each model.

use std::ffi::CStr;
use std::path::PathBuf;

use clack_plugin::entry::prelude::*;
use clack_plugin::factory::plugin::{PluginFactoryImpl, PluginFactoryWrapper};
use clack_plugin::host::HostInfo;
use clack_plugin::plugin::features::{NOTE_EFFECT, UTILITY};
use clack_plugin::plugin::{PluginDescriptor, PluginInstance};

use crate::plugin::{Controlgen, MainThread, Shared};

/// Location of a plug-in's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// In the plug-in's file, by name.
    Embedded(String),
    /// In a folder.
    Folder(PathBuf),
}

/// The plug-ins of a file.
pub struct PluginFactory {
    plugins: Vec<(PluginDescriptor, String, ModelSource)>,
}

impl PluginFactory {
    /// Creates a plug-in for each model, given by name. The plug-in for `poly` has the identifier
    /// `controlgen.poly`.
    pub fn new(models: impl IntoIterator<Item = (String, ModelSource)>) -> Self {
        let plugin = |(model, source): (String, ModelSource)| {
            let (id, name) = (format!("controlgen.{model}"), format!("Controlgen {model}"));
            let descriptor = PluginDescriptor::new(&id, &name)
                .with_vendor("controlgen")
                .with_version(env!("CARGO_PKG_VERSION"))
                .with_description("Plays new music of a style, in the song's tempo and bars")
                .with_features([NOTE_EFFECT, UTILITY]);
            (descriptor, model, source)
        };
        Self { plugins: models.into_iter().map(plugin).collect() }
    }
}

impl PluginFactoryImpl for PluginFactory {
    fn plugin_count(&self) -> u32 {
        u32::try_from(self.plugins.len()).unwrap_or(u32::MAX)
    }

    fn plugin_descriptor(&self, index: u32) -> Option<&PluginDescriptor> {
        Some(&self.plugins.get(usize::try_from(index).ok()?)?.0)
    }

    fn create_plugin<'a>(
        &'a self,
        host_info: HostInfo<'a>,
        plugin_id: &CStr,
    ) -> Option<PluginInstance<'a>> {
        let found = self.plugins.iter().find(|(known, ..)| known.id() == Some(plugin_id));
        let (descriptor, model, source) = found?;
        Some(PluginInstance::new_with_initializer::<Controlgen, _>(host_info, descriptor, |host| {
            let (shared, parts) = Shared::open(model, source.clone())?;
            Ok((shared, move |shared| Ok(MainThread::new(host, shared, parts))))
        }))
    }
}

/// The entry point of the file that hosts load, with a plug-in for each embedded model.
pub struct ControlgenEntry {
    factory: PluginFactoryWrapper<PluginFactory>,
}

impl Entry for ControlgenEntry {
    fn new(_: Option<&CStr>) -> Result<Self, EntryLoadError> {
        let models = models::names().map(|name| {
            let name = name.to_owned();
            (name.clone(), ModelSource::Embedded(name))
        });
        Ok(Self { factory: PluginFactoryWrapper::new(PluginFactory::new(models)) })
    }

    fn declare_factories<'a>(&'a self, builder: &mut EntryFactories<'a>) {
        builder.register_factory(&self.factory);
    }
}
