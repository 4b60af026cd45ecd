//! Names of tracks.

use note_seq::{Family, InstrumentInfo, NoteSequence};

use crate::model::Model;

/// New music of a model with a name for each of its tracks: the family of instruments, or, of
/// models of single lines, `melody` and `bass`.
#[must_use]
pub fn named(model: &Model, mut music: NoteSequence) -> NoteSequence {
    let is_of_families = model.form().encoding().is_some();
    for instrument in music.instruments() {
        let is_drums = music.notes.iter().any(|n| n.instrument == instrument && n.is_drum);
        let family = u16::try_from(instrument).ok().and_then(Family::from_class);
        let name = match family {
            _ if is_drums => Family::Drums.name(),
            Some(family) if is_of_families => family.name(),
            _ if instrument == 0 => "melody",
            _ => "bass",
        };
        music.instrument_infos.retain(|info| info.instrument != instrument);
        music.instrument_infos.push(InstrumentInfo { instrument, name: name.to_owned() });
    }
    music
}
