//! The formats of magenta-js: directories of TensorFlow.js, and the older ones of deeplearn.js.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::{ImportError, damaged};
use super::files::Files;
use super::stored::{Encoding, Piece, Stored, n_bytes};

pub(super) const TFJS_MANIFEST: &str = "weights_manifest.json";
pub(super) const DEEPLEARN_MANIFEST: &str = "manifest.json";

/// Tensors that are stored one after the other in a group of files.
#[derive(Deserialize)]
struct Group {
    paths: Vec<String>,
    weights: Vec<Weight>,
}

#[derive(Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    scale: Option<f64>,
    min: Option<f64>,
}

impl Weight {
    /// How its values are stored; `None` for a type of unknown size.
    fn encoding(&self) -> Option<Encoding> {
        let stored = self.quantization.as_ref().map_or(&self.dtype, |q| &q.dtype);
        let scale = self.quantization.as_ref().and_then(|q| q.scale);
        let min = self.quantization.as_ref().and_then(|q| q.min);
        Some(match (stored.as_str(), scale, min) {
            ("float32", ..) => Encoding::F32,
            ("float16", ..) => Encoding::F16,
            ("uint8", Some(scale), Some(min)) => Encoding::U8 { scale, min },
            ("uint16", Some(scale), Some(min)) => Encoding::U16 { scale, min },
            ("uint8" | "bool", ..) => Encoding::Other { n_bytes: 1 },
            ("int32", ..) => Encoding::Other { n_bytes: 4 },
            ("complex64", ..) => Encoding::Other { n_bytes: 8 },
            _ => return None,
        })
    }
}

/// Reads a JSON file of the checkpoint.
fn json<T: for<'a> Deserialize<'a>>(files: &Files, name: &str) -> Result<T, ImportError> {
    serde_json::from_slice(&files.read(name)?)
        .map_err(|source| ImportError::Json { file: name.to_owned(), source })
}

/// The tensors listed in `weights_manifest.json`.
pub(super) fn tfjs(files: &Files, manifest: &str) -> Result<BTreeMap<String, Stored>, ImportError> {
    let groups: Vec<Group> = json(files, manifest)?;
    let folder = manifest.strip_suffix(TFJS_MANIFEST).unwrap_or_default();
    let mut tensors = BTreeMap::new();
    for group in groups {
        let mut layouts = Vec::new();
        let mut total = 0_u64;
        for weight in group.weights {
            let encoding = weight.encoding().ok_or_else(|| {
                let Weight { name, dtype, .. } = &weight;
                damaged(manifest, format!("tensor `{name}` has the unknown type `{dtype}`"))
            })?;
            let end = n_bytes(&weight.shape, encoding).and_then(|n| total.checked_add(n));
            let end = end.ok_or_else(|| {
                let Weight { name, shape, .. } = &weight;
                damaged(manifest, format!("tensor `{name}` can't have shape {shape:?}"))
            })?;
            layouts.push((weight, encoding, total..end));
            total = end;
        }
        let paths = group.paths.iter().map(|path| format!("{folder}{path}")).collect();
        let shards = Shards::place(files, paths, total)?;
        for (weight, encoding, bytes) in layouts {
            let pieces = shards.pieces(bytes.start, bytes.end);
            let stored = Stored { shape: weight.shape, encoding, pieces, crc32c: None };
            if tensors.insert(weight.name.clone(), stored).is_some() {
                return Err(damaged(manifest, format!("it lists `{}` twice", weight.name)));
            }
        }
    }
    Ok(tensors)
}

/// The files of a group, each with its position in the group's bytes.
struct Shards {
    placed: Vec<(u64, Piece)>,
}

impl Shards {
    /// Determines the position of each existing file. If some are missing, those before the first
    /// and after the last missing one still have a known position, because the tensors imply the
    /// total number of bytes.
    fn place(files: &Files, paths: Vec<String>, total: u64) -> Result<Self, ImportError> {
        let lens: Vec<Option<u64>> = paths.iter().map(|path| files.len(path)).collect();
        let known: u64 = lens.iter().flatten().fold(0, |sum, len| sum.saturating_add(*len));
        let complete = lens.iter().all(Option::is_some);
        if known > total || (complete && known < total) {
            let file = paths.first().map_or("", String::as_str);
            let what =
                format!("it and the other shards have {known} bytes; the manifest says {total}");
            return Err(damaged(file, what));
        }
        let n_before = lens.iter().take_while(|len| len.is_some()).count();
        let mut placed = Vec::new();
        let mut at = 0;
        for (path, len) in paths.iter().zip(lens.iter().flatten()).take(n_before) {
            placed.push((at, Piece { file: path.clone(), offset: 0, len: *len }));
            at += len;
        }
        let mut end = total;
        for (path, len) in paths.iter().zip(&lens).skip(n_before).rev() {
            let Some(len) = len else { break };
            end -= len;
            placed.push((end, Piece { file: path.clone(), offset: 0, len: *len }));
        }
        placed.sort_by_key(|(at, _)| *at);
        Ok(Self { placed })
    }

    /// The location of the bytes from `start` to `end`; `None` if some of them are missing.
    fn pieces(&self, start: u64, end: u64) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut at = start;
        for (first, shard) in &self.placed {
            let last = first + shard.len;
            if *first <= at && at < last && at < end {
                let len = end.min(last) - at;
                pieces.push(Piece { file: shard.file.clone(), offset: at - first, len });
                at += len;
            }
        }
        (at == end).then_some(pieces)
    }
}

/// A tensor in the older format: one file of single-precision numbers.
#[derive(Deserialize)]
struct TensorFile {
    filename: String,
    shape: Vec<usize>,
}

/// The tensors listed in `manifest.json` of deeplearn.js.
pub(super) fn deeplearn(
    files: &Files,
    manifest: &str,
) -> Result<BTreeMap<String, Stored>, ImportError> {
    let entries: BTreeMap<String, TensorFile> = json(files, manifest)?;
    let folder = manifest.strip_suffix(DEEPLEARN_MANIFEST).unwrap_or_default();
    let stored = |TensorFile { filename, shape }: TensorFile| {
        let file = format!("{folder}{filename}");
        let pieces = files.len(&file).map(|len| vec![Piece { file, offset: 0, len }]);
        Stored { shape, encoding: Encoding::F32, pieces, crc32c: None }
    };
    Ok(entries.into_iter().map(|(name, entry)| (name, stored(entry))).collect())
}

/// The numbers of steps and segments of a window, from `config.json` (TensorFlow.js) or
/// `converter.json` (deeplearn.js) next to the manifest; `None` if there is no such file or number.
pub(super) fn lengths(
    files: &Files,
    manifest: &str,
) -> Result<(Option<usize>, Option<usize>), ImportError> {
    let folder = manifest.rfind('/').map_or("", |slash| &manifest[..=slash]);
    for (name, pointer) in [("config.json", "/dataConverter/args"), ("converter.json", "/args")] {
        let name = format!("{folder}{name}");
        if files.len(&name).is_some() {
            let value: serde_json::Value = json(files, &name)?;
            let number = |field: &str| {
                let number = value.pointer(&format!("{pointer}/{field}"))?.as_u64()?;
                usize::try_from(number).ok()
            };
            return Ok((number("numSteps"), number("numSegments")));
        }
    }
    Ok((None, None))
}
