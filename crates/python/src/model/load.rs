//! `Model.load`.

use std::path::Path;

use controlgen::session::Session;
use controlgen::style::StyleFolders;

use crate::error::Outcome;

/// Opens a model in the package by name, or a folder; added styles are stored in `styles_folder` or
/// in the default location.
pub(super) fn open(model: Option<&Path>, styles_folder: Option<&Path>) -> Outcome<Session> {
    let folder = models::model_folder(model)?;
    let device = musicvae::device::parse("flex")?;
    Ok(Session::open_with(&folder, &device, |loaded| match styles_folder {
        Some(folder) => StyleFolders::with(loaded, folder),
        // A cache may be deleted at any time.
        None if models::is_named(model) => StyleFolders::of_user(loaded),
        None => StyleFolders::of(loaded),
    })?)
}
