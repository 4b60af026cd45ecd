//! Rules for overwriting: files that this program wrote and nobody changed may be overwritten.
//! Other files are kept unless the user says otherwise.
//!
//! Every output that a user names, or whose folder a user names, goes through [`Overwrite::write`].
//! Its files carry a seal, `controlgen:` and the first 16 hexadecimal digits of the BLAKE3 hash of
//! the rest, in a place that readers of the format ignore: a comment, a chunk, or a meta event. So
//! no list of written files is needed, and a file that somebody changed later is not taken for the
//! program's. JSON files identify themselves by their `format` and are replaced only by the same
//! format.

use std::path::Path;

use serde::Deserialize;

use crate::artifact::{ArtifactError, ArtifactResult, read, write_atomic};

/// Whether files of other programs are overwritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Only files that this program wrote.
    #[default]
    Own,
    /// All files.
    Any,
}

impl Overwrite {
    /// Writes a file completely or not at all, with the program's seal if the format has a place
    /// for one.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotOwn`] if the path is another program's file that must be kept,
    /// and [`ArtifactError::Io`] if writing fails.
    pub fn write(self, path: &Path, bytes: &[u8]) -> ArtifactResult<()> {
        self.check(path)?;
        match Seal::of(path) {
            Some(seal) => write_atomic(path, &seal.put(bytes)),
            None if self == Self::Own && exists(path) && format(&read(path)?) != format(bytes) => {
                Err(ArtifactError::NotOwn { path: path.to_owned() })
            }
            None => write_atomic(path, bytes),
        }
    }

    /// Checks whether [`Self::write`] may write a file, without writing it: to be called before
    /// long work.
    ///
    /// # Errors
    /// Same as [`Self::write`].
    pub fn check(self, path: &Path) -> ArtifactResult<()> {
        if self == Self::Any || !exists(path) {
            return Ok(());
        }
        let found = read(path)?;
        let own = match Seal::of(path) {
            Some(seal) => seal.is_on(&found),
            None => format(&found).is_some(),
        };
        if own { Ok(()) } else { Err(ArtifactError::NotOwn { path: path.to_owned() }) }
    }
}

/// Whether the path exists, including broken links.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// The format that a JSON file of this program names; `None` for other files.
fn format(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Header {
        format: String,
    }
    let header: Header = serde_json::from_slice(bytes).ok()?;
    header.format.starts_with("controlgen.").then_some(header.format)
}

/// Prefix of the seal; the hash follows.
const NAME: &str = "controlgen:";
/// Hexadecimal digits of the hash.
const DIGITS: usize = 16;
/// Length of a seal's text in bytes.
const TEXT: usize = NAME.len() + DIGITS;

/// A place in a format for text that readers ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seal {
    /// A line at the end, between this prefix and suffix.
    Line(&'static str, &'static str),
    /// A `tEXt` chunk with the keyword `Software`, before the last chunk.
    Png,
    /// An `INFO` list with an `ISFT` (software) chunk, at the end.
    Wav,
    /// A sequencer-specific event at the beginning of the first track. Its first byte is the
    /// manufacturer ID for noncommercial use.
    Midi,
}

/// Size of the header and of the first track's length: everything before its events, in a file that
/// we write.
const MIDI_EVENTS_AT: usize = 22;
/// Time, type, length and manufacturer of the event with a MIDI file's seal.
const MIDI_EVENT: [u8; 5] = [0, 0xff, 0x7f, TEXT as u8 + 1, 0x7d];
/// Size of a PNG's last chunk: length (0), name and checksum.
const PNG_END: usize = 12;
/// The keyword of a PNG's seal.
const PNG_KEYWORD: &[u8] = b"tEXtSoftware\0";

impl Seal {
    /// The seal for a file with this name; `None` for formats that have no place for a seal or
    /// don't need one.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "html" | "svg" | "md" => Some(Self::Line("<!-- ", " -->\n")),
            "png" => Some(Self::Png),
            "wav" => Some(Self::Wav),
            "mid" => Some(Self::Midi),
            // A section of the manual.
            "1" => Some(Self::Line(".\\\" ", "\n")),
            _ => None,
        }
    }

    /// Adds the seal to a file. A file too short for its format is left without one.
    fn put(self, plain: &[u8]) -> Vec<u8> {
        let digest = blake3::hash(plain).to_hex();
        let text = format!("{NAME}{}", &digest[..DIGITS]);
        let text = text.as_bytes();
        let mut bytes = plain.to_vec();
        match self {
            Self::Line(before, after) => {
                bytes.extend([before.as_bytes(), text, after.as_bytes()].concat());
            }
            Self::Png if plain.len() > PNG_END => {
                let mut chunk = [PNG_KEYWORD, text].concat();
                let length = (chunk.len() - 4) as u32;
                chunk.extend(crc32(&chunk).to_be_bytes());
                let at = plain.len() - PNG_END;
                bytes.splice(at..at, length.to_be_bytes().into_iter().chain(chunk));
            }
            Self::Wav if plain.len() > 8 => {
                // Text in a RIFF chunk ends with 0.
                let text = [text, &[0]].concat();
                let size = |n: usize| (n as u32).to_le_bytes();
                bytes.extend(
                    [&b"LIST"[..], &size(12 + text.len()), b"INFOISFT", &size(text.len())].concat(),
                );
                bytes.extend(text);
                let riff = size(bytes.len() - 8);
                bytes[4..8].copy_from_slice(&riff);
            }
            Self::Midi if plain.len() > MIDI_EVENTS_AT => {
                let event = [&MIDI_EVENT[..], text].concat();
                add_to_length(&mut bytes, event.len() as u32);
                bytes.splice(MIDI_EVENTS_AT..MIDI_EVENTS_AT, event);
            }
            Self::Png | Self::Wav | Self::Midi => {}
        }
        bytes
    }

    /// Removes the place of the seal from a file; `None` if it has none.
    fn take(self, sealed: &[u8]) -> Option<Vec<u8>> {
        let without = |at: usize, n: usize| {
            let rest = sealed.get(at.checked_add(n)?..)?;
            Some([sealed.get(..at)?, rest].concat())
        };
        match self {
            Self::Line(before, after) => {
                let n = before.len() + TEXT + after.len();
                without(sealed.len().checked_sub(n)?, n)
            }
            Self::Png => {
                let n = 4 + PNG_KEYWORD.len() + TEXT + 4;
                without(sealed.len().checked_sub(n + PNG_END)?, n)
            }
            Self::Wav => {
                let n = 20 + TEXT + 1;
                let mut plain = without(sealed.len().checked_sub(n)?, n)?;
                let riff = plain.len().checked_sub(8)? as u32;
                plain.get_mut(4..8)?.copy_from_slice(&riff.to_le_bytes());
                Some(plain)
            }
            Self::Midi => {
                let n = MIDI_EVENT.len() + TEXT;
                let mut plain = without(MIDI_EVENTS_AT, n)?;
                add_to_length(&mut plain, (n as u32).wrapping_neg());
                Some(plain)
            }
        }
    }

    /// Whether a file is unchanged since it was sealed.
    fn is_on(self, bytes: &[u8]) -> bool {
        self.take(bytes).is_some_and(|plain| self.put(&plain) == bytes)
    }
}

/// Increases the length of a MIDI file's first track by `n`.
fn add_to_length(bytes: &mut [u8], n: u32) {
    if let Some(field) = bytes.get_mut(MIDI_EVENTS_AT - 4..MIDI_EVENTS_AT) {
        let length = field.iter().fold(0_u32, |length, byte| length << 8 | u32::from(*byte));
        field.copy_from_slice(&length.wrapping_add(n).to_be_bytes());
    }
}

/// The checksum of PNG's chunks (ISO 3309, polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use note_render::picture::{RollOptions, piano_roll};
    use note_render::sound::{SoundOptions, wav};
    use note_seq::midi::{self, ReadOptions, WriteOptions};

    use super::*;
    use crate::synthetic;

    /// One file of each format that has a seal.
    fn files() -> Vec<(&'static str, Vec<u8>)> {
        let music = synthetic::piece(1, 3, 0);
        let short = music.with_notes(|note| note.end_time < 1.0);
        let picture = piano_roll(&music, &RollOptions::default());
        let wav = wav(&short, &SoundOptions::default()).unwrap();
        vec![
            ("a.mid", midi::write(&music, &WriteOptions::default()).unwrap()),
            ("a.wav", wav),
            ("a.png", picture.to_png(1.0).unwrap()),
            ("a.svg", picture.to_svg().into_bytes()),
            ("a.html", b"<!DOCTYPE html><html></html>".to_vec()),
            ("a.1", b".TH a 1\n".to_vec()),
        ]
    }

    #[test]
    fn own_files_are_written_again_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files() {
            let path = folder.path().join(name);
            // Written by another program.
            std::fs::write(&path, &bytes).unwrap();
            let refused = Overwrite::Own.write(&path, &bytes).unwrap_err();
            assert!(matches!(&refused, ArtifactError::NotOwn { .. }), "{name}: {refused}");
            assert!(refused.to_string().contains("--force"), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
            Overwrite::Any.write(&path, &bytes).unwrap();
            // Now written by this program.
            Overwrite::Own.write(&path, &bytes).unwrap();
            let sealed = std::fs::read(&path).unwrap();
            assert_eq!(Seal::of(&path).unwrap().take(&sealed).unwrap(), bytes, "{name}");
            // Changed by a user.
            let mut changed = sealed.clone();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(Overwrite::Own.check(&path).is_err(), "{name}");
            std::fs::write(&path, b"").unwrap();
            assert!(Overwrite::Own.check(&path).is_err(), "{name}: an empty file");
        }
    }

    #[test]
    fn readers_pass_over_the_seal() {
        for (name, bytes) in files() {
            let sealed = Seal::of(Path::new(name)).unwrap().put(&bytes);
            match name {
                "a.mid" => {
                    let read = |bytes: &[u8]| midi::read(bytes, &ReadOptions::strict()).unwrap();
                    assert_eq!(read(&sealed).sequence, read(&bytes).sequence);
                }
                "a.wav" => {
                    let chunk = sealed.len() - 48;
                    assert_eq!(&sealed[chunk..chunk + 4], b"LIST");
                    let size = u32::from_le_bytes(sealed[4..8].try_into().unwrap());
                    assert_eq!(size as usize, sealed.len() - 8);
                    assert_eq!(sealed.len() % 2, 0, "chunks begin on even bytes");
                }
                "a.png" => {
                    // The check value of CRC-32 is its value for the ASCII digits 1 to 9.
                    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
                    assert_eq!(&sealed[sealed.len() - 8..], &bytes[bytes.len() - 8..]);
                }
                _ => assert!(sealed.starts_with(&bytes)),
            }
        }
    }

    #[test]
    fn json_gives_way_to_its_own_format_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let of = |format: &str| format!(r#"{{"format": "{format}", "version": 1}}"#).into_bytes();
        Overwrite::Own.write(&path, &of("controlgen.style")).unwrap();
        Overwrite::Own.write(&path, &of("controlgen.style")).unwrap();
        assert!(Overwrite::Own.write(&path, &of("controlgen.output")).is_err());
        std::fs::write(&path, b"{}").unwrap();
        assert!(Overwrite::Own.write(&path, &of("controlgen.style")).is_err());
        Overwrite::Any.write(&path, &of("controlgen.style")).unwrap();
        // A broken link belongs to somebody, too, and so does a folder.
        std::fs::create_dir(folder.path().join("f.json")).unwrap();
        assert!(Overwrite::Own.write(&folder.path().join("f.json"), b"{}").is_err());
    }
}
