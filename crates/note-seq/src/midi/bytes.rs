//! A cursor over bytes that never panics.

/// Reads forward over a slice; positions count from the start of the slice.
#[derive(Debug, Clone)]
pub(super) struct Bytes<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(data: &'a [u8], pos: usize) -> Self {
        Self { data, pos: pos.min(data.len()) }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pos >= self.data.len()
    }

    pub(super) fn remaining(&self) -> usize {
        self.data.len() - self.pos
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.pos)?;
        self.pos += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.data.get(self.pos).copied()
    }

    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.pos.checked_add(n)?;
        let taken = self.data.get(self.pos..end)?;
        self.pos = end;
        Some(taken)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A number of variable length, of any number of bytes; what does not fit 64 bits becomes the largest
    /// number. With it comes the number of bytes.
    #[inline]
    pub(super) fn variable(&mut self) -> Option<(u64, usize)> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some((u64::from(first), 1));
        }
        let mut value = u64::from(first & 0x7f);
        let mut n_bytes = 1;
        loop {
            let byte = self.byte()?;
            n_bytes += 1;
            let seven = u64::from(byte & 0x7f);
            value = if value >> 57 == 0 { value << 7 | seven } else { u64::MAX };
            if byte < 0x80 {
                return Some((value, n_bytes));
            }
        }
    }
}

/// Where `needle` first occurs in `haystack`, from `from` on.
pub(super) fn find(haystack: &[u8], needle: [u8; 4], from: usize) -> Option<usize> {
    let rest = haystack.get(from..)?;
    rest.windows(4).position(|w| *w == needle).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_numbers_of_any_length() {
        let read = |data: &[u8]| Bytes::new(data, 0).variable();
        assert_eq!(read(&[0x40]), Some((0x40, 1)));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0x7f]), Some((0x0fff_ffff, 4)));
        assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x00]), Some((0, 5)));
        assert_eq!(read(&[0xff; 12]), None);
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            Some((u64::MAX, 11))
        );
    }

    #[test]
    fn taking_too_much_takes_nothing() {
        let mut bytes = Bytes::new(&[1, 2, 3], 1);
        assert_eq!(bytes.take(usize::MAX), None);
        assert_eq!(bytes.take(3), None);
        assert_eq!(bytes.u16(), Some(0x0203));
        assert!(bytes.is_empty());
    }
}
