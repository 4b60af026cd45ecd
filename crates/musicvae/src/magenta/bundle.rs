//! TensorFlow's version 2 checkpoints, "tensor bundles": `P.index` has the location of every tensor
//! in `P.data-00000-of-00001` and further data files.

use std::collections::BTreeMap;

use super::error::{ImportError, damaged};
use super::files::Files;
use super::sstable;
use super::stored::{Encoding, Piece, Stored};
use super::wire::{Value, fields};

pub(super) const INDEX_SUFFIX: &str = ".index";

/// `BundleHeaderProto`: properties common to all tensors.
struct Header {
    n_shards: u64,
}

impl Header {
    fn read(message: &[u8]) -> Result<Self, String> {
        let mut header = Self { n_shards: 0 };
        for (number, value) in fields(message).ok_or("its header is damaged")? {
            match (number, value) {
                (1, Value::Varint(n)) => header.n_shards = n,
                (2, Value::Varint(0)) => {}
                (2, _) => {
                    return Err("its numbers are big endian, which is not supported".to_owned());
                }
                _ => {}
            }
        }
        Ok(header)
    }
}

/// `BundleEntryProto`: one tensor. Fields that are zero are omitted from the message.
#[derive(Default)]
struct Entry {
    dtype: u64,
    shape: Vec<usize>,
    shard: u64,
    offset: u64,
    size: u64,
    crc32c: Option<u32>,
    is_sliced: bool,
}

impl Entry {
    fn read(message: &[u8]) -> Option<Self> {
        let mut entry = Self::default();
        for (number, value) in fields(message)? {
            match (number, value) {
                (1, Value::Varint(n)) => entry.dtype = n,
                (2, Value::Bytes(shape)) => entry.shape = dims(shape)?,
                (3, Value::Varint(n)) => entry.shard = n,
                (4, Value::Varint(n)) => entry.offset = n,
                (5, Value::Varint(n)) => entry.size = n,
                (6, Value::Fixed32(masked)) => entry.crc32c = Some(sstable::unmask(masked)),
                (7, _) => entry.is_sliced = true,
                (1..=6, _) => return None,
                _ => {}
            }
        }
        Some(entry)
    }

    /// `DataType` of TensorFlow; for types whose size is not needed, 1 byte per value.
    fn encoding(&self) -> Encoding {
        match self.dtype {
            1 => Encoding::F32,
            2 => Encoding::F64,
            14 => Encoding::Bf16,
            19 => Encoding::F16,
            _ => Encoding::Other { n_bytes: 1 },
        }
    }
}

/// `TensorShapeProto`: `dim { size }`, one after the other.
fn dims(message: &[u8]) -> Option<Vec<usize>> {
    let mut sizes = Vec::new();
    for (number, value) in fields(message)? {
        if let (2, Value::Bytes(dim)) = (number, value) {
            let mut size = 0;
            for field in fields(dim)? {
                if let (1, Value::Varint(n)) = field {
                    size = usize::try_from(n).ok()?;
                }
            }
            sizes.push(size);
        }
    }
    Some(sizes)
}

/// The tensors of a bundle by name; `index` is the name of its `.index` file.
pub(super) fn tensors(files: &Files, index: &str) -> Result<BTreeMap<String, Stored>, ImportError> {
    if files.len(index).is_some_and(|len| len > sstable::MAX_TABLE_LEN as u64) {
        return Err(damaged(index, "it is far too long for an index"));
    }
    let pairs = sstable::pairs(&files.read(index)?).map_err(|what| damaged(index, what))?;
    let prefix = index.strip_suffix(INDEX_SUFFIX).unwrap_or(index);
    let mut header = None;
    let mut tensors = BTreeMap::new();
    for (key, value) in pairs {
        if key.is_empty() {
            header = Some(Header::read(&value).map_err(|what| damaged(index, what))?);
            continue;
        }
        let Some(Header { n_shards }) = header else {
            return Err(damaged(index, "it does not begin with a header"));
        };
        let name = String::from_utf8_lossy(&key).into_owned();
        let entry = Entry::read(&value)
            .ok_or_else(|| damaged(index, format!("the entry of tensor `{name}` is damaged")))?;
        let file = format!("{prefix}.data-{:05}-of-{n_shards:05}", entry.shard);
        let piece = Piece { offset: entry.offset, len: entry.size, file };
        // A sliced tensor has no bytes under its own name.
        let is_there = files.len(&piece.file).is_some() && !entry.is_sliced;
        let stored = Stored {
            encoding: entry.encoding(),
            pieces: is_there.then(|| vec![piece]),
            crc32c: entry.crc32c,
            shape: entry.shape,
        };
        tensors.insert(name, stored);
    }
    Ok(tensors)
}
