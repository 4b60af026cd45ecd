//! Makes the names of an archive's members safe: always inside the target, and always plain names.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::hashes::hex;

/// Maximum depth of nested folders; real data sets have six.
const MAX_DEPTH: usize = 32;
/// File systems allow 255 bytes; the rest is for suffixes like `~2`.
const MAX_NAME_BYTES: usize = 200;
/// Names that Windows reserves for devices.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Why a member is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SkipReason {
    Outside,
    Link,
    Special,
    Junk,
    TooDeep,
    Encrypted,
    Unsupported,
    Repeated,
    Conflict,
    WrongMd5,
}

impl SkipReason {
    /// The description in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Outside => "leads outside the folder",
            Self::Link => "is a link",
            Self::Special => "is a device or of an unknown kind",
            Self::Junk => "belongs to a file manager or to this program",
            Self::TooDeep => "is nested too deeply",
            Self::Encrypted => "is encrypted",
            Self::Unsupported => "has an unsupported compression",
            Self::Repeated => "is a duplicate with the same bytes",
            Self::Conflict => "is both a file and a folder",
            Self::WrongMd5 => "does not have the MD5 of its name",
        }
    }
}

/// A member's path below the target: parts joined by `/`, each a plain name on every system.
///
/// Bytes that are not UTF-8, control characters, and `%` before two hexadecimal digits become
/// `%XX`, and so do, on Windows only, the characters that it reserves. Names that are too long are
/// truncated, with the first digits of the whole name's SHA-256. Both `/` and `\` are separators.
pub(crate) fn safe(raw: &[u8]) -> Result<String, SkipReason> {
    let is_divider = |byte: &u8| matches!(byte, b'/' | b'\\');
    if raw.first().is_some_and(is_divider) || has_drive(raw) {
        return Err(SkipReason::Outside);
    }
    let mut parts = Vec::new();
    for part in raw.split(is_divider) {
        match part {
            b"" | b"." => {}
            // `a/../b` would be harmless, but no well-meaning archive contains it.
            b".." => return Err(SkipReason::Outside),
            b"__MACOSX" | b".DS_Store" | b"Thumbs.db" | b"desktop.ini" | b"Icon\r" => {
                return Err(SkipReason::Junk);
            }
            _ if part.starts_with(b"._") => return Err(SkipReason::Junk),
            _ => parts.push(plain(part, cfg!(windows))),
        }
    }
    match parts.len() {
        0 => Err(SkipReason::Junk),
        1..=MAX_DEPTH => Ok(parts.join("/")),
        _ => Err(SkipReason::TooDeep),
    }
}

fn has_drive(raw: &[u8]) -> bool {
    raw.get(1) == Some(&b':') && raw[0].is_ascii_alphabetic()
}

fn plain(part: &[u8], windows: bool) -> String {
    let mut name = String::new();
    for chunk in part.utf8_chunks() {
        let valid = chunk.valid();
        for (at, c) in valid.char_indices() {
            let reserved = windows && "<>:\"|?*".contains(c);
            let looks_escaped = c == '%' && is_two_digits(&valid.as_bytes()[at + 1..]);
            if c.is_control() || reserved || looks_escaped {
                let mut bytes = [0; 4];
                escape(&mut name, c.encode_utf8(&mut bytes).as_bytes());
            } else {
                name.push(c);
            }
        }
        escape(&mut name, chunk.invalid());
    }
    if windows {
        let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
        if DEVICES.contains(&stem.as_str()) || name.ends_with(['.', ' ']) {
            name.push('_');
        }
    }
    if name.len() > MAX_NAME_BYTES { shortened(&name) } else { name }
}

fn is_two_digits(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
}

fn escape(name: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(name, "%{byte:02X}").expect("writing to a string never fails");
    }
}

fn shortened(name: &str) -> String {
    let (stem, extension) = split_extension(name);
    let digits = &hex(&Sha256::digest(name.as_bytes()))[..12];
    let keep = MAX_NAME_BYTES - 14 - extension.len();
    let mut end = keep.min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{digits}{extension}", &stem[..end])
}

/// Splits a name into its stem and its extension with the dot, if the extension is short.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 16 && !name[at..].contains('/') => {
            name.split_at(at)
        }
        _ => (name, ""),
    }
}

/// The `n`-th file of a name, from 1: `song.mid`, `song~2.mid`, …
pub(crate) fn numbered(name: &str, n: u64) -> String {
    if n == 1 {
        return name.to_owned();
    }
    let (folder, file) = name.rfind('/').map_or(("", name), |at| name.split_at(at + 1));
    let (stem, extension) = split_extension(file);
    format!("{folder}{stem}~{n}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_outside_the_folder_are_rejected() {
        for raw in ["/etc/passwd", "../x", "a/../../x", "a/..", "..\\x", "\\x", "C:\\x", "c:x"] {
            assert_eq!(safe(raw.as_bytes()), Err(SkipReason::Outside), "{raw}");
        }
        assert_eq!(safe(b"a/./b//c.mid"), Ok("a/b/c.mid".to_owned()));
        assert_eq!(safe(b"a\\b.mid"), Ok("a/b.mid".to_owned()));
        assert_eq!(safe(b"..a/b...mid"), Ok("..a/b...mid".to_owned()));
    }

    #[test]
    fn junk_is_left_out() {
        for raw in ["__MACOSX/a.mid", "a/._b.mid", "a/.DS_Store", "a/Icon\r", "", "./"] {
            assert_eq!(safe(raw.as_bytes()), Err(SkipReason::Junk), "{raw:?}");
        }
        assert_eq!(safe(&b"a/".repeat(40)), Err(SkipReason::TooDeep));
    }

    #[test]
    fn no_two_names_become_one_by_escaping() {
        assert_eq!(safe(b"Caf\xe9.mid"), Ok("Caf%E9.mid".to_owned()));
        assert_eq!(safe(b"Caf%E9.mid"), Ok("Caf%25E9.mid".to_owned()));
        assert_eq!(safe("Café.mid".as_bytes()), Ok("Café.mid".to_owned()));
        assert_eq!(safe(b"a\nb\0.mid"), Ok("a%0Ab%00.mid".to_owned()));
        assert_eq!(safe(b"100%.mid"), Ok("100%.mid".to_owned()));
    }

    #[test]
    fn reserved_names_of_windows_are_changed_there() {
        assert_eq!(plain(b"What?.mid", true), "What%3F.mid");
        assert_eq!(plain(b"NUL.mid", true), "NUL.mid_");
        assert_eq!(plain(b"dots...", true), "dots..._");
        assert_eq!(plain(b"What?.mid", false), "What?.mid");
    }

    #[test]
    fn long_names_are_truncated_and_stay_distinct() {
        let (one, two) = (format!("{}1.mid", "é".repeat(300)), format!("{}2.mid", "é".repeat(300)));
        let (one, two) = (safe(one.as_bytes()).unwrap(), safe(two.as_bytes()).unwrap());
        assert!(one.len() <= MAX_NAME_BYTES && one.strip_suffix(".mid").is_some());
        assert_ne!(one, two);
    }

    #[test]
    fn repeated_names_are_numbered() {
        assert_eq!(numbered("a.b/song.mid", 1), "a.b/song.mid");
        assert_eq!(numbered("a.b/song.mid", 2), "a.b/song~2.mid");
        assert_eq!(numbered("a.b/song", 3), "a.b/song~3");
        assert_eq!(numbered(".hidden", 2), ".hidden~2");
    }
}
