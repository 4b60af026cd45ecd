//! The source of a data set's files: the manifest's URLs, or `--from`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::manifest::{DataSet, RemoteFile, is_url};

/// The value of `--from`: a local copy or a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mirror {
    File(PathBuf),
    Folder(PathBuf),
    Url(String),
}

/// The source of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Local(PathBuf),
    Remote(Vec<String>),
}

impl Mirror {
    pub(crate) fn new(text: &OsStr) -> Result<Self> {
        if let Some(url) = text.to_str().filter(|text| is_url(text)) {
            return Ok(Self::Url(url.to_owned()));
        }
        let path = PathBuf::from(OsString::from(text));
        if path.is_file() {
            Ok(Self::File(path))
        } else if path.is_dir() {
            Ok(Self::Folder(path))
        } else {
            bail!("--from {}: no such file or folder, and not an http URL", path.display());
        }
    }
}

/// The source of a file of a data set. For a data set with several files, `--from` must be a folder
/// or the URL of one.
pub(crate) fn source(set: &DataSet, file: &RemoteFile, from: Option<&Mirror>) -> Result<Source> {
    let alone = matches!(&set.files[..], [only] if !only.lists_more);
    match from {
        None => Ok(Source::Remote(file.urls.clone())),
        Some(Mirror::Folder(folder)) => in_folder(set, file, folder),
        Some(Mirror::File(path)) => {
            ensure!(
                alone,
                "{} has several files: give a folder of them with --from, not {}",
                set.name,
                path.display()
            );
            Ok(Source::Local(path.clone()))
        }
        Some(Mirror::Url(url)) => Ok(Source::Remote(vec![mirrored(url, &file.name, alone)])),
    }
}

fn in_folder(set: &DataSet, file: &RemoteFile, folder: &Path) -> Result<Source> {
    // A copy of several data sets has a folder for each, like ours.
    let places = [folder.join(&file.name), folder.join(&set.name).join(&file.name)];
    match places.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(Source::Local(path)),
        None => bail!(
            "{} has no {}; if the data set is already unpacked there, give the folder \
             to `controlgen corpus build`",
            folder.display(),
            file.name
        ),
    }
}

/// The URL of a file on a mirror. The URL given is the mirror's folder if it ends in `/` or if the
/// data set has several files; otherwise it is that of the file itself.
fn mirrored(url: &str, name: &str, alone: bool) -> String {
    let is_folder = url.ends_with('/') || !alone;
    if is_folder {
        format!("{}/{}", url.trim_end_matches('/'), in_url(name))
    } else {
        url.to_owned()
    }
}

/// Escapes a name for use in a URL.
pub(crate) fn in_url(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string never fails");
        }
    }
    text
}

/// The URL of a file in the same folder as another URL.
pub(crate) fn sibling_url(url: &str, name: &str) -> Option<String> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let folder = url[..end].rfind('/')?;
    Some(format!("{}/{}", &url[..folder], in_url(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_folder_or_the_file_itself() {
        let of = |url, alone| mirrored(url, "JSB Chorales.zip", alone);
        assert_eq!(of("http://m/x/", true), "http://m/x/JSB%20Chorales.zip");
        assert_eq!(of("http://m/other.zip", true), "http://m/other.zip");
        assert_eq!(of("http://m/x", false), "http://m/x/JSB%20Chorales.zip");
    }

    #[test]
    fn siblings_are_in_the_same_folder() {
        assert_eq!(sibling_url("http://m/a/b.json?x=/y", "c").as_deref(), Some("http://m/a/c"));
    }

    #[test]
    fn missing_sources_are_rejected() {
        let error = Mirror::new(OsStr::new("no/such/place")).unwrap_err().to_string();
        assert_eq!(error, "--from no/such/place: no such file or folder, and not an http URL");
        assert_eq!(
            Mirror::new(OsStr::new("HTTP://m")).unwrap(),
            Mirror::Url("HTTP://m".to_owned())
        );
    }
}
