//! A tensor of a checkpoint: the location of its bytes and the encoding of its values.

use half::{bf16, f16};

use super::error::{ImportError, damaged};
use super::files::Files;
use crate::weights::HostTensor;

/// How a tensor's values are stored; always little endian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Encoding {
    F16,
    Bf16,
    F32,
    F64,
    /// `min + scale * q` with `q` in one byte.
    U8 {
        scale: f64,
        min: f64,
    },
    /// The same with `q` in two bytes.
    U16 {
        scale: f64,
        min: f64,
    },
    /// Not weights: a counter, a flag, a text.
    Other {
        n_bytes: u64,
    },
}

impl Encoding {
    /// Bytes of one value.
    pub(super) fn n_bytes(self) -> u64 {
        match self {
            Self::U8 { .. } => 1,
            Self::F16 | Self::Bf16 | Self::U16 { .. } => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other { n_bytes } => n_bytes,
        }
    }
}

/// A range of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// A tensor in a checkpoint, not yet read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) shape: Vec<usize>,
    pub(super) encoding: Encoding,
    /// Its bytes, piece after piece; `None` if one of its files is missing.
    pub(super) pieces: Option<Vec<Piece>>,
    /// CRC-32C of its bytes, if the checkpoint has one.
    pub(super) crc32c: Option<u32>,
}

/// Number of bytes of a tensor; `None` if it overflows.
pub(super) fn n_bytes(shape: &[usize], encoding: Encoding) -> Option<u64> {
    shape.iter().try_fold(encoding.n_bytes(), |product, size| {
        u64::try_from(*size).ok().and_then(|size| product.checked_mul(size))
    })
}

impl Stored {
    /// Reads the values after checking that the files have the number of bytes that the shape
    /// requires.
    pub(super) fn read(&self, name: &str, files: &Files) -> Result<HostTensor, ImportError> {
        let pieces = self.pieces.as_deref().unwrap_or_default();
        let file = pieces.first().map_or(name, |piece| &piece.file);
        let found: u64 = pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.len));
        let expected = n_bytes(&self.shape, self.encoding);
        if expected != Some(found) {
            let shape = &self.shape;
            let what = format!("tensor `{name}` of shape {shape:?} can't have {found} bytes");
            return Err(damaged(file, what));
        }
        let mut bytes = Vec::new();
        for piece in pieces {
            bytes.extend(files.read_part(&piece.file, piece.offset, piece.len)?);
        }
        if self.crc32c.is_some_and(|crc| crc != crc32c::crc32c(&bytes)) {
            return Err(damaged(file, format!("the checksum of tensor `{name}` does not match")));
        }
        let values = decode(&bytes, self.encoding)
            .ok_or_else(|| damaged(file, format!("tensor `{name}` does not consist of floats")))?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(damaged(
                file,
                format!("tensor `{name}` contains a value that is not finite"),
            ));
        }
        Ok(HostTensor { shape: self.shape.clone(), values })
    }
}

/// Decodes values from bytes; `None` if they are not weights.
fn decode(bytes: &[u8], encoding: Encoding) -> Option<Vec<f32>> {
    // The affine map is computed in double precision, as JavaScript does.
    let affine = |q: f64, scale: f64, min: f64| (q * scale + min) as f32;
    Some(match encoding {
        Encoding::F16 => chunks(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Encoding::Bf16 => chunks(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Encoding::F32 => chunks(bytes, f32::from_le_bytes),
        Encoding::F64 => chunks(bytes, |b| f64::from_le_bytes(b) as f32),
        Encoding::U8 { scale, min } => chunks(bytes, |[q]| affine(f64::from(q), scale, min)),
        Encoding::U16 { scale, min } => {
            chunks(bytes, |b| affine(f64::from(u16::from_le_bytes(b)), scale, min))
        }
        Encoding::Other { .. } => return None,
    })
}

fn chunks<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| value(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_by_hand() {
        // 1.5 is 0x3FC00000 in single precision, 0x3E00 in half, 0x3FC0 in bfloat16.
        assert_eq!(decode(&[0, 0, 0xc0, 0x3f], Encoding::F32).unwrap(), [1.5]);
        assert_eq!(decode(&[0, 0x3e], Encoding::F16).unwrap(), [1.5]);
        assert_eq!(decode(&[0xc0, 0x3f], Encoding::Bf16).unwrap(), [1.5]);
        assert_eq!(decode(&1.5_f64.to_le_bytes(), Encoding::F64).unwrap(), [1.5]);
        let (scale, min) = (0.5, -2.0);
        assert_eq!(decode(&[0, 3, 255], Encoding::U8 { scale, min }).unwrap(), [-2.0, -0.5, 125.5]);
        // 0x0103 is 259.
        assert_eq!(decode(&[3, 1], Encoding::U16 { scale, min }).unwrap(), [127.5]);
        assert_eq!(decode(&[1, 0, 0, 0], Encoding::Other { n_bytes: 4 }), None);
    }

    #[test]
    fn a_product_of_sizes_that_overflows_is_no_number_of_bytes() {
        assert_eq!(n_bytes(&[3, 5], Encoding::F32), Some(60));
        assert_eq!(n_bytes(&[usize::MAX, 2], Encoding::F32), None);
        assert_eq!(n_bytes(&[], Encoding::F64), Some(8));
    }
}
