//! Grouping of files that contain nearly the same music.
//!
//! A file is represented by the set of its melodic turns: for the highest line of every instrument,
//! all runs of [`TURN`] successive intervals. The set does not depend on key, tempo, position on
//! the grid, programs and velocities, and most of it is unchanged when an instrument is added or
//! removed. Two files are near-duplicates if the sets overlap by [`SIMILAR`] or more (Jaccard
//! index: shared turns over all turns). Files without tones are represented by their runs of
//! [`BEAT`] successive drum hits.
//!
//! The overlap is estimated from signatures of [`N_BINS`] numbers: one-permutation `MinHash` (Li,
//! Owen, Zhang, "One Permutation Hashing", NIPS 2012) with empty bins filled from their neighbors
//! (Shrivastava, Li, "Densifying One Permutation Hashing", ICML 2014). Only pairs that agree in at
//! least one of [`N_BANDS`] bands of the signature are compared; they are found by sorting on disk.
//! A pair that overlaps by 0.6 is found with probability `1 - (1 - 0.6^4)^32 = 0.99`.
//!
//! If names suggest that two files are of one piece, less shared music is enough, and one may be a
//! part of the other, for example a melody without its chords. [`shared`] estimates the fraction of
//! the smaller set's turns that are in the other set: among the bins that both fill, the fraction
//! with equal numbers.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use note_seq::NoteSequence;

use super::spill::Spill;
use crate::artifact::{ArtifactResult, io};

/// Intervals of a melodic turn.
const TURN: usize = 8;
/// Number of hits in a run of drums: longer, because beats resemble each other.
const BEAT: usize = 16;
/// Number of values in a signature.
const N_BINS: usize = 128;
const BINS_PER_BAND: usize = 4;
const N_BANDS: usize = N_BINS / BINS_PER_BAND;
/// A file with fewer filled bins has too little music to compare.
const MIN_FILLED: usize = 24;
/// Minimum overlap of near-duplicates.
const SIMILAR: f64 = 0.6;
/// Minimum fraction of the smaller file's bins that files with related names share if they are of
/// one piece. In collections that keep melody and chords of each tune in separate files it is 0.25
/// to 1, and between unrelated files 0.1 or less.
const RELATED: f64 = 0.25;
/// Minimum number of common bins for estimating the fraction.
const MIN_RELATED_BINS: usize = 8;
/// Added to a value for each bin that it is carried over.
const CARRIED: u32 = 0x9e37_79b9;

/// The signature of a file's music, 0 for empty bins; `None` if it has no turns.
pub(super) fn signature(sequence: &NoteSequence) -> Option<Vec<u32>> {
    let mut bins = [0_u32; N_BINS];
    let mut put = |items: &[i32]| {
        let hash = items
            .iter()
            .fold(0x243f_6a88_85a3_08d3, |hash, item| mix(hash ^ u64::from(item.cast_unsigned())));
        let bin = &mut bins[(hash >> 57) as usize];
        let value = ((hash & u64::from(u32::MAX)) as u32).max(1);
        *bin = if *bin == 0 { value } else { value.min(*bin) };
    };
    let mut notes: Vec<(bool, u32, f64, u8)> = sequence
        .notes
        .iter()
        .map(|note| (note.is_drum, note.instrument, note.start_time, note.pitch.get()))
        .collect();
    // Of notes that start together, the highest comes first.
    notes.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then(b.3.cmp(&a.3)));
    let has_tones = notes.first().is_some_and(|(is_drum, ..)| !is_drum);
    let mut line = Vec::new();
    for part in notes.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        line.clear();
        if !has_tones {
            line.extend(part.iter().map(|note| i32::from(note.3)));
            line.windows(BEAT).for_each(&mut put);
        } else if !part[0].0 {
            let tops = part.chunk_by(|a, b| a.2 == b.2).map(|chord| i32::from(chord[0].3));
            line.extend(tops);
            for i in (1..line.len()).rev() {
                line[i] -= line[i - 1];
            }
            line.get(1..).unwrap_or_default().windows(TURN).for_each(&mut put);
        }
    }
    if n_filled(&bins) == 0 { None } else { Some(bins.to_vec()) }
}

fn n_filled(bins: &[u32]) -> usize {
    bins.iter().filter(|value| **value != 0).count()
}

/// Fills empty bins with the value of the next filled bin, modified by the distance. `None` if
/// there is too little music to compare.
fn densified(bins: &[u32]) -> Option<Vec<u32>> {
    if n_filled(bins) < MIN_FILLED {
        return None;
    }
    let value = |bin: usize| {
        (0..).zip(bins.iter().cycle().skip(bin)).find_map(|(distance, value)| {
            (*value != 0).then(|| value.wrapping_add(CARRIED.wrapping_mul(distance)))
        })
    };
    (0..bins.len()).map(value).collect()
}

/// Amount of music that two files share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    /// A large part of the smaller one.
    Much,
    /// Hardly more than unrelated files.
    Little,
    /// Too little music to tell.
    Unknown,
}

/// Compares two files by their signatures: whether one may be a version or a part of the other.
pub(super) fn shared(a: &[u32], b: &[u32]) -> Shared {
    let smaller = n_filled(a).min(n_filled(b));
    let n_equal = a.iter().zip(b).filter(|(a, b)| a == b && **a != 0).count();
    if smaller < MIN_RELATED_BINS {
        Shared::Unknown
    } else if n_equal as f64 >= RELATED * smaller as f64 {
        Shared::Much
    } else {
        Shared::Little
    }
}

/// A permutation of 64 bits that spreads every bit: the finalizer of `SplitMix64` (Steele, Lea,
/// Flood 2014).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Finds near-duplicates among files; memory use does not depend on the number of files.
pub(super) struct NearDuplicates {
    bands: Spill,
    path: PathBuf,
    signatures: BufWriter<File>,
    n_files: u32,
}

impl NearDuplicates {
    /// Creates a finder for about `n_files` files, with work files in `folder`.
    pub(super) fn new(folder: &Path, n_files: u64) -> ArtifactResult<Self> {
        let path = folder.join("signatures");
        let file = File::create(&path).map_err(io("write", &path))?;
        let bands = Spill::new(folder, "bands", n_files * (N_BANDS as u64 + 1))?;
        Ok(Self { bands, path, signatures: BufWriter::new(file), n_files: 0 })
    }

    /// Adds the next file. Files with the same bytes are always near-duplicates.
    pub(super) fn push(
        &mut self,
        file_hash: Option<[u8; 16]>,
        signature: Option<&[u32]>,
    ) -> ArtifactResult<()> {
        let payload = u64::from(self.n_files) << 1;
        self.n_files += 1;
        if let Some(hash) = file_hash {
            let mut first = [0; 8];
            first.copy_from_slice(&hash[..8]);
            self.bands.push(u64::from_le_bytes(first), payload | 1)?;
        }
        let mut bytes = [0; 4 * N_BINS];
        if let Some(signature) = signature {
            for (to, from) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(signature) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            let dense = densified(signature).unwrap_or_default();
            for (band, values) in (0_u64..).zip(dense.as_chunks::<BINS_PER_BAND>().0) {
                let hash = values.iter().fold(mix(band + 1), |h, v| mix(h ^ u64::from(*v)));
                self.bands.push(hash, payload)?;
            }
        }
        self.signatures.write_all(&bytes).map_err(io("write", &self.path))
    }

    /// All near-duplicates, and the signatures of all files.
    pub(super) fn finish(self) -> ArtifactResult<(Bands, Signatures)> {
        let Self { bands, path, mut signatures, .. } = self;
        signatures.flush().map_err(io("write", &path))?;
        drop(signatures);
        let file = File::open(&path).map_err(io("read", &path))?;
        Ok((Bands { bands }, Signatures { file, path }))
    }
}

/// The signatures of files, on disk.
pub(super) struct Signatures {
    file: File,
    path: PathBuf,
}

impl Signatures {
    /// The signature of a file, with 0 for empty bins.
    pub(super) fn of(&mut self, index: u32) -> ArtifactResult<[u32; N_BINS]> {
        let mut bytes = [0; 4 * N_BINS];
        self.file
            .seek(SeekFrom::Start(u64::from(index) * bytes.len() as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(io("read", &self.path))?;
        let mut signature = [0; N_BINS];
        for (to, from) in signature.iter_mut().zip(bytes.as_chunks().0) {
            *to = u32::from_le_bytes(*from);
        }
        Ok(signature)
    }
}

/// The bands that near-duplicates share.
pub(super) struct Bands {
    bands: Spill,
}

impl Bands {
    /// Joins all near-duplicates in `sets`.
    pub(super) fn join(self, sets: &mut Sets, signatures: &mut Signatures) -> ArtifactResult<()> {
        let Self { bands } = self;
        let mut signature = |index: u32| -> ArtifactResult<Vec<u32>> {
            Ok(densified(&signatures.of(index)?).unwrap_or_default())
        };
        bands.for_each_run(|run| {
            let (first, is_exact) = unpack(run[0].1);
            let mut first_signature = None;
            for (_, payload) in &run[1..] {
                let (other, other_exact) = unpack(*payload);
                if sets.root(first) == sets.root(other) {
                    continue;
                }
                if is_exact && other_exact {
                    sets.join(first, other);
                    continue;
                }
                if first_signature.is_none() {
                    first_signature = Some(signature(first)?);
                }
                let a = first_signature.as_deref().unwrap_or_default();
                if overlap(a, &signature(other)?) >= SIMILAR {
                    sets.join(first, other);
                }
            }
            Ok(())
        })
    }
}

fn unpack(payload: u64) -> (u32, bool) {
    (u32::try_from(payload >> 1).unwrap_or(u32::MAX), payload & 1 == 1)
}

/// Fraction of equal numbers in two signatures.
fn overlap(a: &[u32], b: &[u32]) -> f64 {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / N_BINS as f64
}

/// Disjoint sets of files; each set is identified by its first file.
pub(super) struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    /// Each file in a separate set.
    pub(super) fn new(n_files: usize) -> Self {
        Self { parents: (0..u32::try_from(n_files).unwrap_or(u32::MAX)).collect() }
    }

    /// The first file of a file's set.
    pub(super) fn root(&mut self, file: u32) -> u32 {
        let mut at = file as usize;
        while self.parents[at] as usize != at {
            // Path halving, for later lookups.
            self.parents[at] = self.parents[self.parents[at] as usize];
            at = self.parents[at] as usize;
        }
        u32::try_from(at).expect("came from a u32")
    }

    /// For each set, at its first file, the number of its files for which `counts` is true.
    pub(super) fn sizes(&mut self, counts: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut sizes = vec![0; self.parents.len()];
        for file in (0..).take(self.parents.len()) {
            sizes[self.root(file) as usize] += u32::from(counts(file));
        }
        sizes
    }

    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, Pitch, Velocity};
    use rand::RngExt;

    use super::*;

    /// A walk on the scale with `n` notes, `changed` of which are displaced.
    fn tune(index: u64, n: usize, changed: usize, transposed: i32, seconds: f64) -> NoteSequence {
        let mut rng = seed::stream(1, "tune", index);
        let mut pitch: i32 = 60;
        let mut pitches: Vec<i32> = (0..n)
            .map(|_| {
                pitch = (pitch + rng.random_range(-5..=5)).clamp(40, 80);
                pitch + transposed
            })
            .collect();
        for i in 0..changed {
            pitches[i * n / changed.max(1)] += 1;
        }
        let mut sequence = NoteSequence::default();
        for (i, pitch) in pitches.into_iter().enumerate() {
            let start_time = i as f64 * seconds + 0.3;
            let pitch = Pitch::new(u8::try_from(pitch).unwrap()).unwrap();
            let velocity = Velocity::new(80).unwrap();
            let end_time = start_time + seconds;
            sequence.push(Note { pitch, velocity, start_time, end_time, ..Note::default() });
        }
        sequence
    }

    fn sets(tunes: &[NoteSequence], hashes: &[u8]) -> Vec<u32> {
        let folder = tempfile::tempdir().unwrap();
        let mut near = NearDuplicates::new(folder.path(), tunes.len() as u64).unwrap();
        for (tune, hash) in tunes.iter().zip(hashes) {
            near.push(Some([*hash; 16]), signature(tune).as_deref()).unwrap();
        }
        let mut sets = Sets::new(tunes.len());
        let (bands, mut signatures) = near.finish().unwrap();
        bands.join(&mut sets, &mut signatures).unwrap();
        (0..tunes.len() as u32).map(|file| sets.root(file)).collect()
    }

    #[test]
    fn key_tempo_and_a_few_notes_make_no_other_piece() {
        let tunes = [
            tune(0, 400, 0, 0, 0.5),
            tune(1, 400, 0, 0, 0.5),
            // In another key, faster, with 5 of 400 notes changed: of 392 turns at most 5 · 9 = 45
            // differ, so the overlap is at least (392 - 45) / (392 + 45) = 0.79.
            tune(0, 400, 5, 5, 0.37),
            // 60 of 400 notes changed, about one in seven: no turn of 8 intervals stays unchanged.
            tune(1, 400, 60, 0, 0.5),
            // Too short to tell.
            tune(0, 20, 0, 0, 0.5),
            tune(0, 20, 0, 0, 0.5),
        ];
        assert_eq!(sets(&tunes, &[0, 1, 2, 3, 4, 5]), [0, 1, 0, 3, 4, 5]);
        // Files with the same bytes are the same piece, however short.
        assert_eq!(sets(&tunes, &[0, 1, 2, 3, 4, 4]), [0, 1, 0, 3, 4, 4]);
    }

    #[test]
    fn strangers_stay_strangers() {
        let tunes: Vec<NoteSequence> = (0..300).map(|i| tune(i, 200, 0, 0, 0.5)).collect();
        let hashes: Vec<u8> = (0..=255).cycle().take(300).collect();
        let found = sets(&tunes[..250], &hashes[..250]);
        assert_eq!(found, (0..250).collect::<Vec<u32>>());
    }

    /// The estimate compared with the true overlap: the standard deviation is at most
    /// `sqrt(0.25 / 128) = 0.044` if all bins are filled.
    #[test]
    fn a_signature_tells_the_overlap() {
        let dense = |tune: &NoteSequence| densified(&signature(tune).unwrap()).unwrap();
        // Two pieces of 2000 notes that share the first 1000: each has 1992 turns, of which 992 are
        // shared: 992 / (2 · 1992 - 992) = 0.33.
        let both = |second: u64| {
            let mut sequence = tune(0, 1000, 0, 0, 0.5);
            let rest = tune(second, 1001, 0, 0, 0.5);
            for mut note in rest.notes.into_iter().skip(1) {
                note.start_time += 1000.0;
                note.end_time += 1000.0;
                sequence.push(note);
            }
            sequence
        };
        let found = overlap(&dense(&both(1)), &dense(&both(2)));
        assert!((found - 0.33).abs() < 4.0 * 0.044, "{found}");
        assert!((overlap(&dense(&both(1)), &dense(&both(1))) - 1.0).abs() < 1e-9);
    }

    /// A part of a piece is recognized in it, whatever else the piece contains; unrelated and very
    /// short files are not.
    #[test]
    fn a_part_shares_much_with_the_whole() {
        let melody = tune(0, 100, 0, 0, 0.5);
        let mut whole = melody.clone();
        for mut note in tune(1, 200, 0, 0, 0.5).notes {
            note.instrument = 1;
            whole.push(note);
        }
        let of = |sequence: &NoteSequence| signature(sequence).unwrap();
        assert_eq!(shared(&of(&melody), &of(&whole)), Shared::Much);
        assert_eq!(shared(&of(&tune(1, 200, 0, 0, 0.5)), &of(&whole)), Shared::Much);
        assert_eq!(shared(&of(&melody), &of(&tune(2, 300, 0, 0, 0.5))), Shared::Little);
        // Four turns: a thirteenth note would make five.
        assert_eq!(shared(&of(&tune(0, 12, 0, 0, 0.5)), &of(&whole)), Shared::Unknown);
        assert_eq!(signature(&tune(0, 8, 0, 0, 0.5)), None);
    }

    #[test]
    fn sets_are_known_by_their_first_file() {
        let mut sets = Sets::new(5);
        sets.join(4, 2);
        sets.join(3, 4);
        assert_eq!((0..5).map(|i| sets.root(i)).collect::<Vec<_>>(), [0, 1, 2, 2, 2]);
        sets.join(3, 0);
        assert_eq!(sets.root(4), 0);
    }
}
