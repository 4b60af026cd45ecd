//! LevelDB's sorted tables, in which TensorFlow stores the index of a checkpoint.
//!
//! A table is a sequence of blocks and a footer of 48 bytes with the location of the index block,
//! whose values are the locations of the data blocks. Each block is followed by a byte for its
//! compression and by a masked CRC-32C of both (LevelDB's `doc/table_format.md`).

use super::wire::Reader;

const FOOTER_LEN: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Compression byte and checksum after each block.
const TRAILER_LEN: u64 = 5;
/// Snappy expands three bytes to 64 at best, so a block that claims a larger factor than this is
/// damaged.
const MAX_EXPANSION: usize = 32;
/// Maximum number of bytes of all keys and values of a table. The index of the largest published
/// model has less than a thousandth of it, but a few bytes can claim a long key.
pub(super) const MAX_TABLE_LEN: usize = 1 << 26;

/// A key with its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// Unmasks a CRC-32C: LevelDB rotates it and adds a constant, because the checksum of bytes that
/// contain their own checksum is weak.
pub(super) fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(0xa282_ead8).rotate_left(15)
}

/// All pairs of a table in order.
///
/// # Errors
/// A description of what is wrong with the table.
pub(super) fn pairs(table: &[u8]) -> Result<Vec<Pair>, String> {
    let footer = table.len().checked_sub(FOOTER_LEN).map(|start| &table[start..]);
    let footer = footer.ok_or("it is shorter than a table's footer")?;
    if Reader::new(&footer[FOOTER_LEN - 8..]).u64() != Some(MAGIC) {
        return Err("it does not end like a table; it may be truncated".to_owned());
    }
    let mut handles = Reader::new(&footer[..FOOTER_LEN - 8]);
    let meta_index = handle(&mut handles).ok_or("its footer is damaged")?;
    let index = handle(&mut handles).ok_or("its footer is damaged")?;
    // The contents are not needed, but a damaged block means that the file is damaged.
    block(table, meta_index)?;
    let mut room = MAX_TABLE_LEN;
    let mut all = Vec::new();
    for (_, value) in block_pairs(&block(table, index)?, &mut room)? {
        let place = handle(&mut Reader::new(&value)).ok_or("its index is damaged")?;
        all.extend(block_pairs(&block(table, place)?, &mut room)?);
    }
    Ok(all)
}

/// Offset and size of a block.
fn handle(reader: &mut Reader<'_>) -> Option<(u64, u64)> {
    Some((reader.varint()?, reader.varint()?))
}

/// A block's contents, checked and decompressed.
fn block(table: &[u8], (offset, size): (u64, u64)) -> Result<Vec<u8>, String> {
    let outside = || format!("a block of {size} bytes at {offset} is outside of it");
    let mut reader = Reader::new(table);
    reader.take(offset).ok_or_else(outside)?;
    let with_trailer = size.checked_add(TRAILER_LEN).and_then(|len| reader.take(len));
    let with_trailer = with_trailer.ok_or_else(outside)?;
    let (checked, crc) = with_trailer.split_at(with_trailer.len() - 4);
    let crc = Reader::new(crc).u32().map(unmask);
    if crc != Some(crc32c::crc32c(checked)) {
        return Err(format!("the checksum of the block at {offset} does not match"));
    }
    let (contents, compression) = checked.split_at(checked.len() - 1);
    match compression {
        [0] => Ok(contents.to_vec()),
        [1] => {
            let len = snap::raw::decompress_len(contents).map_err(|error| error.to_string())?;
            if len > contents.len().saturating_mul(MAX_EXPANSION) {
                return Err(format!("the block at {offset} claims {len} bytes"));
            }
            snap::raw::Decoder::new().decompress_vec(contents).map_err(|error| error.to_string())
        }
        other => Err(format!("the block at {offset} has the unknown compression {other:?}")),
    }
}

/// The pairs of a block, whose size is deducted from `room`. A key is stored as the number of bytes
/// it shares with the previous key, and the rest.
fn block_pairs(block: &[u8], room: &mut usize) -> Result<Vec<Pair>, String> {
    let damaged = || "one of its blocks is damaged".to_owned();
    // At the end are the restart offsets of 4 bytes each, and their number.
    let n = block.len().checked_sub(4).ok_or_else(damaged)?;
    let n_restarts = Reader::new(&block[n..]).u32().ok_or_else(damaged)?;
    let restarts = usize::try_from(n_restarts).ok().and_then(|n| n.checked_mul(4));
    let entries = restarts.and_then(|restarts| n.checked_sub(restarts)).ok_or_else(damaged)?;
    let mut reader = Reader::new(&block[..entries]);
    let mut pairs: Vec<Pair> = Vec::new();
    while !reader.is_empty() {
        let mut pair = || {
            let shared = usize::try_from(reader.varint()?).ok()?;
            let (rest, value) = (reader.varint()?, reader.varint()?);
            let before = pairs.last().map_or(&[][..], |(key, _)| key);
            let (shared, rest) = (before.get(..shared)?, reader.take(rest)?);
            let value = reader.take(value)?;
            // One extra byte per pair, so that the number of empty pairs is limited too.
            *room = room.checked_sub(shared.len() + rest.len() + value.len() + 1)?;
            Some(([shared, rest].concat(), value.to_vec()))
        };
        let pair = pair().ok_or_else(damaged)?;
        pairs.push(pair);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and ascending; "123456789" is the check value
        // of CRC-32C in the catalog of parametrized CRCs.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c::crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_mask_by_hand() {
        // 0xe3069283 = 1110 0011 0000 0110 1|001 0010 1000 0011; the right 15 bits come to the
        // front, 0010 0101 0000 0111 1100 0110 0000 1101 = 0x2507c60d; plus 0xa282ead8.
        assert_eq!(0xe306_9283_u32.rotate_right(15), 0x2507_c60d);
        assert_eq!(unmask(0xc78a_b0e5), 0xe306_9283);
    }
}
