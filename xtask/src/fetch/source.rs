//! Where the files of a data set come from: the manifest's addresses, or what `--from` says.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::manifest::{DataSet, RemoteFile, is_url};

/// What `--from` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    File(PathBuf),
    Folder(PathBuf),
    Url(String),
}

/// Where one file is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Local(PathBuf),
    Remote(Vec<String>),
}

impl From {
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
            bail!("--from {}: no such file or folder, and no address of http", path.display());
        }
    }
}

/// Where to get a file of a data set. Of a set of several files, `--from` must be a folder or the
/// address of one.
pub(crate) fn source(set: &DataSet, file: &RemoteFile, from: Option<&From>) -> Result<Source> {
    let alone = matches!(&set.files[..], [only] if !only.lists_more);
    match from {
        None => Ok(Source::Remote(file.urls.clone())),
        Some(From::Folder(folder)) => in_folder(set, file, folder),
        Some(From::File(path)) => {
            ensure!(
                alone,
                "{} has several files: let --from name a folder of them, not {}",
                set.name,
                path.display()
            );
            Ok(Source::Local(path.clone()))
        }
        Some(From::Url(url)) => Ok(Source::Remote(vec![mirrored(url, &file.name, alone)])),
    }
}

fn in_folder(set: &DataSet, file: &RemoteFile, folder: &Path) -> Result<Source> {
    // A copy of several sets has a folder for each, as ours does.
    let places = [folder.join(&file.name), folder.join(&set.name).join(&file.name)];
    match places.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(Source::Local(path)),
        None => bail!(
            "{} has no {}; if the data set is there unpacked, it needs no fetching: give the folder \
             to `controlgen corpus build`",
            folder.display(),
            file.name
        ),
    }
}

/// The address of a file on a mirror: of the mirror's folder if the address ends so, or if the set
/// has more files; otherwise it is the file's own.
fn mirrored(url: &str, name: &str, alone: bool) -> String {
    let is_folder = url.ends_with('/') || !alone;
    if is_folder {
        format!("{}/{}", url.trim_end_matches('/'), in_url(name))
    } else {
        url.to_owned()
    }
}

/// A name as part of an address.
pub(crate) fn in_url(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes everything");
        }
    }
    text
}

/// The address beside another: that of a file in the same folder.
pub(crate) fn beside(url: &str, name: &str) -> Option<String> {
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
    fn neighbours_are_in_the_same_folder() {
        assert_eq!(beside("http://m/a/b.json?x=/y", "c").as_deref(), Some("http://m/a/c"));
    }

    #[test]
    fn what_is_nowhere_is_refused() {
        let error = From::new(OsStr::new("no/such/place")).unwrap_err().to_string();
        assert_eq!(error, "--from no/such/place: no such file or folder, and no address of http");
        assert_eq!(From::new(OsStr::new("HTTP://m")).unwrap(), From::Url("HTTP://m".to_owned()));
    }
}
