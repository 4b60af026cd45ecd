//! Locations of styles: in the model folder or, if that is not writable, in the user's data folder.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactResult, JsonFormat, io};
use serde::{Deserialize, Serialize};

use super::facts::FitFacts;
use super::{AddedStyle, Style};
use crate::model::Model;
use crate::names::Names;

/// Name of the list's file, in either folder.
const LIST: &str = "styles.json";
/// Folder for added styles in a model folder.
const ADDED: &str = "styles";
/// Suffix of the files of added styles.
const ENDING: &str = ".style.json";

/// `styles.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StylesFile {
    /// The mixture that the components belong to, by its
    /// [fingerprint](super::mixture::fingerprint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mixture: Option<String>,
    /// Facts about the fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fit: Option<FitFacts>,
    pub(super) styles: Vec<Style>,
}

impl JsonFormat for StylesFile {
    const FORMAT: &'static str = "controlgen.styles";
    const VERSION: u32 = 1;
}

/// The folders from which a model's styles are read and to which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleFolders {
    model: PathBuf,
    user: Option<PathBuf>,
    /// Whether the user's folder was given explicitly, in which case everything is written there.
    asked: bool,
}

impl StyleFolders {
    /// The model folder and, if that is not writable, a folder in this program's directory for user
    /// data, one for each model hash.
    pub fn of(model: &Model) -> Self {
        let user = directories::ProjectDirs::from("", "", "controlgen")
            .map(|dirs| dirs.data_dir().join("styles").join(model.hash()));
        Self { model: model.folder().to_owned(), user, asked: false }
    }

    /// Reads the model folder, and reads and writes the user's folder of [`StyleFolders::of`]: for
    /// a model folder that may be deleted at any time. If the system has no directory for user
    /// data, the model folder.
    pub fn of_user(model: &Model) -> Self {
        let folders = Self::of(model);
        Self { asked: folders.user.is_some(), ..folders }
    }

    /// Reads the model folder, and reads and writes another folder.
    pub fn with(model: &Model, folder: &Path) -> Self {
        Self { model: model.folder().to_owned(), user: Some(folder.to_owned()), asked: true }
    }

    /// The list of styles of a mixture, and whether it is from the user's folder.
    pub(super) fn list(&self, mixture: &str) -> ArtifactResult<(StylesFile, bool)> {
        if let Some(path) = self.user.as_deref().map(|folder| folder.join(LIST))
            && path.exists()
        {
            let file = StylesFile::load(&path)?;
            // A list that belongs to another fit of the same model is out of date.
            if file.mixture.as_deref() == Some(mixture) {
                return Ok((file, true));
            }
        }
        Ok((StylesFile::load(&self.model.join(LIST))?, false))
    }

    /// Writes a list of styles. Returns whether it was written to the user's folder.
    pub(super) fn save_list(&self, file: &StylesFile, was_users: bool) -> ArtifactResult<bool> {
        let users = |folder: &PathBuf| file.save(&folder.join(LIST)).map(|()| true);
        match &self.user {
            Some(folder) if self.asked || was_users => users(folder),
            user => match (file.save(&self.model.join(LIST)), user) {
                (Err(_), Some(folder)) => users(folder),
                (result, _) => result.map(|()| false),
            },
        }
    }

    /// Files of added styles, sorted by name: first those in the model folder, then the user's.
    pub(super) fn added(&self) -> ArtifactResult<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for folder in [Some(self.model.join(ADDED)), self.user.clone()].into_iter().flatten() {
            if !folder.is_dir() {
                continue;
            }
            let first = paths.len();
            for entry in std::fs::read_dir(&folder).map_err(io("read the folder", &folder))? {
                let path = entry.map_err(io("read the folder", &folder))?.path();
                if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING)) {
                    paths.push(path);
                }
            }
            paths[first..].sort();
        }
        Ok(paths)
    }

    /// Writes an added style. Returns its path.
    pub(super) fn save_added(&self, style: &AddedStyle) -> ArtifactResult<PathBuf> {
        let save = |folder: &Path| {
            // An existing file of this name belongs to another model, or differs in case.
            let name = Names::of_folder(folder).new_in_folder(&style.name);
            let path = folder.join(format!("{name}{ENDING}"));
            style.save(&path).map(|()| path)
        };
        match &self.user {
            Some(folder) if self.asked => save(folder),
            user => match (save(&self.model.join(ADDED)), user) {
                (Err(_), Some(folder)) => save(folder),
                (result, _) => result,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, mixture: &str) -> StylesFile {
        let text = format!(r#"{{"component": 0, "name": "{name}"}}"#);
        let style = serde_json::from_str(&text).unwrap();
        StylesFile { mixture: Some(mixture.to_owned()), fit: None, styles: vec![style] }
    }

    #[test]
    fn lists_go_to_the_model_folder_or_else_to_the_users() {
        let folder = tempfile::tempdir().unwrap();
        let (model, user) = (folder.path().join("model"), folder.path().join("user"));
        let folders = StyleFolders { model: model.clone(), user: Some(user.clone()), asked: false };
        assert!(!folders.save_list(&file("a", "m"), false).unwrap());
        assert_eq!(folders.list("m").unwrap(), (file("a", "m"), false));

        // A file instead of a folder: nothing can be written there.
        let broken = folder.path().join("broken");
        std::fs::write(&broken, b"x").unwrap();
        let unwritable = StyleFolders { model: broken, ..folders.clone() };
        assert!(unwritable.save_list(&file("b", "m"), false).unwrap());
        assert_eq!(folders.list("m").unwrap(), (file("b", "m"), true));
        assert_eq!(folders.list("other").unwrap(), (file("a", "m"), false), "of another fit");

        let asked = StyleFolders { asked: true, ..folders };
        assert!(asked.save_list(&file("c", "m"), false).unwrap());
        assert_eq!(StylesFile::load(&model.join(LIST)).unwrap(), file("a", "m"));
    }
}
