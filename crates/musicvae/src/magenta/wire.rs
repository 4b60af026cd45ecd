//! Reads the encodings of Protocol Buffers and LevelDB, with every length checked.

/// Reads from the front of a slice; `None` if it ends too early or contains an invalid value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(n).ok()?)?;
        self.bytes = rest;
        Some(taken)
    }

    /// A number with seven bits per byte, lowest first; the top bit means that more bytes follow.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.take(1)? else { return None };
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// The value of a field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// The fields of a Protocol Buffers message by number; `None` if it is damaged.
pub(super) fn fields(message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut reader = Reader::new(message);
    let mut fields = Vec::new();
    while !reader.is_empty() {
        let key = reader.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(reader.varint()?),
            1 => Value::Fixed64(reader.u64()?),
            2 => {
                let len = reader.varint()?;
                Value::Bytes(reader.take(len)?)
            }
            5 => Value::Fixed32(reader.u32()?),
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_the_protocol_buffers_manual() {
        // 150 is 0x96 0x01 in the manual's section "Base 128 Varints".
        assert_eq!(Reader::new(&[0x96, 0x01]).varint(), Some(150));
        let largest = [&[0xff; 9][..], &[0x01]].concat();
        assert_eq!(Reader::new(&largest).varint(), Some(u64::MAX));
        let too_large = [&[0xff; 9][..], &[0x02]].concat();
        assert_eq!(Reader::new(&too_large).varint(), None);
        assert_eq!(Reader::new(&[0x80]).varint(), None);
    }

    #[test]
    fn fields_of_each_wire_type() {
        // Field 1 varint 150; field 2 bytes "hi"; field 6 fixed 32 bits; field 3 fixed 64 bits.
        let message = [
            &[0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x35, 1, 0, 0, 0, 0x19][..],
            &[2, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let expected = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (6, Value::Fixed32(1)),
            (3, Value::Fixed64(2)),
        ];
        assert_eq!(fields(&message).unwrap(), expected);
        // A length beyond the end, and the deprecated wire type 3.
        assert_eq!(fields(&[0x12, 0x7f, b'h']), None);
        assert_eq!(fields(&[0x0b]), None);
    }
}
