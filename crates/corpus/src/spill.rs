//! Groups numbers by hash on disk, with one bucket in memory at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::artifact::{ArtifactResult, io};

/// Maximum number of records in a bucket: 2 MiB.
const RECORDS_PER_BUCKET: u64 = 1 << 17;
/// Maximum number of open files.
const MAX_BUCKETS: u64 = 512;
const RECORD: usize = 16;
/// Size of the write buffer of each bucket's file, in bytes.
const BUFFER: usize = 1 << 13;

/// Pairs of a hash and a number, in buckets by the hash's leading bits.
pub(super) struct Spill {
    buckets: Vec<(PathBuf, BufWriter<File>)>,
    shift: u32,
}

impl Spill {
    /// Creates buckets for about `n_records`, in files of `folder`.
    pub(super) fn new(folder: &Path, name: &str, n_records: u64) -> ArtifactResult<Self> {
        let n = n_records.div_ceil(RECORDS_PER_BUCKET).clamp(2, MAX_BUCKETS).next_power_of_two();
        let buckets = (0..n)
            .map(|index| {
                let path = folder.join(format!("{name}-{index:03}"));
                let file = File::create(&path).map_err(io("write", &path))?;
                Ok((path, BufWriter::with_capacity(BUFFER, file)))
            })
            .collect::<ArtifactResult<_>>()?;
        Ok(Self { buckets, shift: u64::BITS - n.trailing_zeros() })
    }

    /// Adds a number under a hash.
    pub(super) fn push(&mut self, hash: u64, number: u64) -> ArtifactResult<()> {
        let bucket = usize::try_from(hash >> self.shift).expect("fewer than 2^10 buckets");
        let (path, writer) = &mut self.buckets[bucket];
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&hash.to_le_bytes());
        record[8..].copy_from_slice(&number.to_le_bytes());
        writer.write_all(&record).map_err(io("write", path))
    }

    /// Passes the numbers of each hash to `each`, in ascending order; hashes are ascending, too.
    pub(super) fn for_each_run(
        self,
        mut each: impl FnMut(&[(u64, u64)]) -> ArtifactResult<()>,
    ) -> ArtifactResult<()> {
        let mut paths = Vec::new();
        for (path, mut writer) in self.buckets {
            writer.flush().map_err(io("write", &path))?;
            paths.push(path);
        }
        let mut records: Vec<(u64, u64)> = Vec::new();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(io("read", &path))?;
            let number = |bytes: &[u8]| {
                let mut eight = [0; 8];
                eight.copy_from_slice(bytes);
                u64::from_le_bytes(eight)
            };
            records.clear();
            records.extend(
                bytes.as_chunks::<RECORD>().0.iter().map(|r| (number(&r[..8]), number(&r[8..]))),
            );
            drop(bytes);
            records.sort_unstable();
            records.chunk_by(|a, b| a.0 == b.0).try_for_each(&mut each)?;
            std::fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_hash_come_together() {
        let folder = tempfile::tempdir().unwrap();
        // Capacity of 2^20 records: 8 buckets, so the first three bits select one.
        let mut spill = Spill::new(folder.path(), "x", 1 << 20).unwrap();
        let top = 7 << 61;
        for (hash, number) in [(top, 3), (5, 2), (top, 1), (5, 9), (top + 1, 4), (u64::MAX, 0)] {
            spill.push(hash, number).unwrap();
        }
        let mut runs = Vec::new();
        spill
            .for_each_run(|run| {
                runs.push(run.to_vec());
                Ok(())
            })
            .unwrap();
        let expected = [
            vec![(5, 2), (5, 9)],
            vec![(top, 1), (top, 3)],
            vec![(top + 1, 4)],
            vec![(u64::MAX, 0)],
        ];
        assert_eq!(runs, expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
