//! Everything that a host sees before it plays: plug-ins, ports, parameters.

use std::collections::BTreeSet;
use std::ffi::CString;

use clack_extensions::note_ports::{NoteDialects, NotePortInfoBuffer, PluginNotePorts};
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_host::prelude::*;
use clack_host::utils::ClapId;
use plugin::{ControlgenEntry, ParamId};

use crate::daw::Daw;

#[test]
fn the_file_has_a_plug_in_for_each_model_in_the_program() {
    let entry = PluginEntry::load_from_clack::<ControlgenEntry>(c"controlgen.clap").unwrap();
    let factory = entry.get_plugin_factory().unwrap();
    let ids: Vec<String> = factory
        .plugin_descriptors()
        .map(|found| {
            assert!(found.features().any(|feature| feature == c"note-effect"));
            found.id().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let models: Vec<String> = models::names().map(|name| format!("controlgen.{name}")).collect();
    assert_eq!(ids, models);
    assert!(ids.contains(&"controlgen.poly".to_owned()));
}

#[test]
fn it_has_one_note_output_and_no_input() {
    let mut daw = Daw::new("drums");
    let handle = daw.instance().plugin_handle();
    let ports = handle.get_extension::<PluginNotePorts>().unwrap();
    assert_eq!((ports.count(&handle, true), ports.count(&handle, false)), (0, 1));
    let mut buffer = NotePortInfoBuffer::new();
    assert!(ports.get(&handle, 0, true, &mut buffer).is_none());
    let port = ports.get(&handle, 0, false, &mut buffer).unwrap();
    assert_eq!(port.supported_dialects, NoteDialects::CLAP);
}

#[test]
fn parameters_have_ranges_defaults_and_texts() {
    let mut daw = Daw::new("poly");
    let handle = daw.instance().plugin_handle();
    let params = handle.get_extension::<PluginParams>().unwrap();
    let n = params.count(&handle);
    // Seven parameters of every model, and the eleven dials that this one has learned.
    assert_eq!(n, 18);
    let mut ids = BTreeSet::new();
    for index in 0..n {
        let mut buffer = ParamInfoBuffer::new();
        let info = params.get_info(&handle, index, &mut buffer).unwrap();
        assert!(ids.insert(info.id.get()));
        assert!(info.flags.contains(ParamInfoFlags::IS_AUTOMATABLE));
        let is_bypass = info.flags.contains(ParamInfoFlags::IS_BYPASS);
        assert_eq!(is_bypass, info.id.get() == ParamId::Bypass.id());
        assert!(info.min_value <= info.default_value && info.default_value <= info.max_value);
        assert_eq!(params.get_value(&handle, info.id), Some(info.default_value));
        for value in [info.min_value, info.default_value, info.max_value] {
            let mut text = [0; 64];
            let text = params.value_to_text(&handle, info.id, value, &mut text).unwrap();
            let text = CString::new(text.to_vec()).unwrap();
            assert_eq!(params.text_to_value(&handle, info.id, &text), Some(value), "{text:?}");
        }
    }
    assert!(params.get_info(&handle, n, &mut ParamInfoBuffer::new()).is_none());
    assert_eq!(params.get_value(&handle, ClapId::new(9999)), None);
    // Styles are shown by name; texts that don't fit are truncated.
    let style = ClapId::new(ParamId::Style.id());
    let mut text = [0; 64];
    assert_eq!(params.value_to_text(&handle, style, 5.0, &mut text).unwrap(), b"hymn");
    let mut text = [0; 3];
    assert_eq!(params.value_to_text(&handle, style, 5.0, &mut text).unwrap(), b"hy");
    assert_eq!(params.text_to_value(&handle, style, c"hymn"), Some(5.0));
    assert_eq!(params.text_to_value(&handle, style, c"polka"), None);
}
