//! Paths as text, one-to-one.
//!
//! File names are bytes on Unix and need not be UTF-8. A byte that is not part of valid UTF-8 is
//! written as `\xHH`, in lower case. To keep names distinct, a backslash before `xHH` in the name
//! itself is written as `\x5c`. All other names are written unchanged.
//!
//! The functions [`serialize`] and [`deserialize`] are for `#[serde(with = "crate::path_text")]`;
//! serde's default form of a path rejects those that are not UTF-8.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serializer};

/// A path as text.
///
/// # Examples
/// ```
/// use std::path::Path;
/// use corpus::path_text;
/// assert_eq!(path_text::of(Path::new("a/Für Elise.mid")), "a/Für Elise.mid");
/// assert_eq!(path_text::of_bytes(b"caf\xe9.mid"), r"caf\xe9.mid");
/// assert_eq!(path_text::to_path("a.mid"), Path::new("a.mid"));
/// ```
pub fn of(path: &Path) -> String {
    of_bytes(path.as_os_str().as_encoded_bytes())
}

/// The bytes of a path, or of a part of one, as text.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find('\\') {
            text.push_str(&rest[..at]);
            text.push_str(if escaped_byte(&rest[at..]).is_some() { r"\x5c" } else { r"\" });
            rest = &rest[at + 1..];
        }
        text.push_str(rest);
        for byte in chunk.invalid() {
            write!(text, r"\x{byte:02x}").expect("a string takes all that is written");
        }
    }
    text
}

/// The path with this text.
pub fn to_path(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let n = if let Some(byte) = escaped_byte(&rest[at..]) {
            bytes.push(byte);
            ESCAPE
        } else {
            bytes.push(b'\\');
            1
        };
        rest = &rest[at + n..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    os_string(bytes, text).into()
}

/// Length of an escaped byte, in characters.
const ESCAPE: usize = 4;

/// The byte that a text begins with, if it begins with an escaped byte.
pub(crate) fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix(r"\x")?.get(..2)?;
    let is_ours = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_ours { u8::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>, _text: &str) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

/// On other systems, names have other units; a name that is not Unicode can be displayed, but not
/// opened again.
#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>, text: &str) -> OsString {
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()).into()
}

/// A path as a string.
///
/// # Errors
/// Returns the errors of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&of(path))
}

/// A path from a string.
///
/// # Errors
/// Returns the errors of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    String::deserialize(deserializer).map(|text| to_path(&text))
}

/// An optional path, for `#[serde(with = "corpus::path_text::option")]`.
pub mod option {
    use std::path::Path;

    use serde::Serializer;

    /// A path as a string, or null.
    ///
    /// # Errors
    /// Returns the errors of the serializer.
    pub fn serialize<P: AsRef<Path>, S: Serializer>(
        path: &Option<P>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match path {
            Some(path) => serializer.serialize_some(&super::of(path.as_ref())),
            None => serializer.serialize_none(),
        }
    }
}

/// Several paths, for `#[serde(with = "crate::path_text::list")]`.
pub mod list {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Paths as a list of strings.
    ///
    /// # Errors
    /// Returns the errors of the serializer.
    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| super::of(path)))
    }

    /// Paths from a list of strings.
    ///
    /// # Errors
    /// Returns the errors of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Ok(texts.iter().map(|text| super::to_path(text)).collect())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_stay_and_bytes_are_told() {
        for name in ["a b/ü.mid", r"a\b.mid", r"\x.mid", r"\xGG", r"\xFF.mid", ""] {
            assert_eq!(of(Path::new(name)), name);
        }
        assert_eq!(of_bytes(b"\xff\xfe.mid"), r"\xff\xfe.mid");
        // A name that looks escaped stays distinct.
        assert_eq!(of_bytes(br"\xff.mid"), r"\x5cxff.mid");
        // The second byte of a character is missing.
        assert_eq!(of_bytes(b"a\xc3/b"), r"a\xc3/b");
    }

    proptest! {
        /// Random bytes, about half of them from those with a special meaning.
        #[test]
        fn every_name_comes_back(
            bytes in prop::collection::vec(
                prop::sample::select(br"\xab5c/".iter().copied().chain([0xff, 0xc3, 0xa9])
                    .collect::<Vec<u8>>()),
                0..12,
            ),
        ) {
            let path = Path::new(OsStr::from_bytes(&bytes));
            let found = to_path(&of(path));
            prop_assert_eq!(found.as_os_str(), path.as_os_str());
        }
    }
}
