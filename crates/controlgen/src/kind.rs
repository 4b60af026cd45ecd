//! Kinds of windows: what a model folder's `kind` stands for.

use note_seq::{Dedupe, Melody, MelodyConverter, MelodyEncoding, NoteSequence, Playback};
use thiserror::Error;

/// A kind of window and how music becomes one.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name, as in a model's configuration: `mel-2bar`.
    pub name: &'static str,
    /// How a sequence is cut into windows.
    pub converter: MelodyConverter,
}

/// A kind that this program does not know.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown kind of window `{found}`; `mel-2bar` is known")]
pub struct UnknownKind {
    /// What was found.
    pub found: String,
}

impl Kind {
    /// Two bars of melody, every bar: for training.
    pub fn mel_2bar() -> Self {
        let converter = MelodyConverter {
            // Once a piece is enough, and silence teaches nothing.
            dedupe: Dedupe::PerSequence,
            keep_empty: false,
            ..MelodyConverter::mel_2bar()
        };
        Self { name: "mel-2bar", converter }
    }

    /// The kind of a name.
    ///
    /// # Errors
    /// [`UnknownKind`] if there is none.
    pub fn find(name: &str) -> Result<Self, UnknownKind> {
        let kind = Self::mel_2bar();
        if kind.name == name { Ok(kind) } else { Err(UnknownKind { found: name.to_owned() }) }
    }

    /// Tokens of a window.
    pub fn n_steps(&self) -> usize {
        self.converter.steps_per_window()
    }

    /// First 8 bytes (little endian) of the BLAKE3 hash of the kind's name and the tokens (each
    /// little endian).
    pub fn window_id(&self, tokens: &[u16]) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.name.as_bytes());
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }

    /// Windows one after the other, as music.
    ///
    /// # Panics
    /// If a token is not of this kind's vocabulary; models of this kind write no other.
    pub fn to_sequence<'a>(
        &self,
        windows: impl IntoIterator<Item = &'a [u16]>,
        playback: &Playback,
    ) -> NoteSequence {
        let tokens: Vec<u16> = windows.into_iter().flatten().copied().collect();
        self.melody(&tokens).to_sequence(playback)
    }

    fn melody(&self, tokens: &[u16]) -> Melody {
        let encoding: MelodyEncoding = self.converter.encoding;
        encoding.decode(tokens).expect("tokens of this kind's vocabulary")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_id_depends_on_tokens_and_kind() {
        let kind = Kind::mel_2bar();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mel-2bar\x01\x00\x2c\x00");
        let expected = u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().unwrap());
        assert_eq!(kind.window_id(&[1, 44]), expected);
        assert_ne!(kind.window_id(&[44, 1]), expected);
    }

    #[test]
    fn windows_join_without_a_gap() {
        let kind = Kind::mel_2bar();
        let (mut a, mut b) = ([0_u16; 32], [0_u16; 32]);
        (a[0], b[0], b[16]) = (41, 43, 1);
        let sequence = kind.to_sequence([&a[..], &b[..]], &Playback::default());
        let spans: Vec<_> = sequence.notes.iter().map(|n| (n.start_time, n.end_time)).collect();
        // 32 steps of an eighth of a second.
        assert_eq!(spans, [(0.0, 4.0), (4.0, 6.0)]);
    }
}
