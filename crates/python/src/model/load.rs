//! `Model.load`.

use std::path::Path;

use controlgen::session::Session;
use controlgen::style::StyleFolders;

use crate::error::{Outcome, not_found};

/// Opens a model in the package by its name, or a folder; added styles are kept in `styles_folder`
/// or in the usual place.
pub(super) fn open(model: Option<&Path>, styles_folder: Option<&Path>) -> Outcome<Session> {
    let folder = models::model_folder(model)?;
    if !folder.exists() {
        return Err(not_found(format!(
            "there is no model {}; {} are in this package, or give a model folder, such as \
             `RUN/model` of a training run",
            folder.display(),
            models::names().collect::<Vec<_>>().join(", "),
        )));
    }
    let device = musicvae::device::parse("flex")?;
    Ok(Session::open_with(&folder, &device, |loaded| match styles_folder {
        Some(folder) => StyleFolders::with(loaded, folder),
        // A cache may be deleted at any time.
        None if models::is_named(model) => StyleFolders::of_user(loaded),
        None => StyleFolders::of(loaded),
    })?)
}
