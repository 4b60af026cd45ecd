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

    /// A variable-length number of any number of bytes, and that number of bytes. A value that does
    /// not fit into 64 bits becomes the largest one.
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

/// A delta time and a channel message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) delta: u32,
    pub(super) status: u8,
    /// The second byte is 0 if the message has only one.
    pub(super) data: [u8; 2],
}

impl Bytes<'_> {
    /// Takes a delta time of at most four bytes and a valid channel message, like most events.
    /// Takes nothing if anything else follows or the end is near.
    #[inline]
    pub(super) fn message(&mut self, running_status: Option<u8>) -> Option<Message> {
        // The longest: four bytes of time, a status, two of data.
        let next: &[u8; 7] = self.data.get(self.pos..)?.first_chunk()?;
        let mut delta = u32::from(next[0] & 0x7f);
        let mut at = 1;
        while next[at - 1] >= 0x80 {
            if at == 4 {
                return None;
            }
            delta = delta << 7 | u32::from(next[at] & 0x7f);
            at += 1;
        }
        let status = match next[at] {
            0..=0x7f => running_status?,
            status @ 0x80..=0xef => {
                at += 1;
                status
            }
            _ => return None,
        };
        let has_one = matches!(status, 0xc0..=0xdf);
        let data = [next[at], if has_one { 0 } else { next[at + 1] }];
        if (data[0] | data[1]) >= 0x80 {
            return None;
        }
        self.pos += at + if has_one { 1 } else { 2 };
        Some(Message { delta, status, data })
    }
}

/// The position of the first `needle` in `haystack` at or after `from`.
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
    fn only_messages_in_order_are_taken_at_once() {
        let take = |data: &[u8], running| {
            let mut bytes = Bytes::new(data, 0);
            let message = bytes.message(running);
            message.map(|m| (m.delta, m.status, m.data, bytes.pos()))
        };
        let on = [0x81, 0x00, 0x90, 60, 100, 0, 0];
        assert_eq!(take(&on, None), Some((128, 0x90, [60, 100], 5)));
        assert_eq!(take(&[0, 60, 100, 0, 0, 0, 0], Some(0x91)), Some((0, 0x91, [60, 100], 3)));
        assert_eq!(take(&[5, 0xc3, 7, 0x90, 0, 0, 0], None), Some((5, 0xc3, [7, 0], 3)));
        let longest = [0xff, 0xff, 0xff, 0x7f, 0x80, 1, 2];
        assert_eq!(take(&longest, None), Some((0x0fff_ffff, 0x80, [1, 2], 7)));
        // No current status; five bytes of time; a meta event; data bytes too large; too close to
        // the end.
        assert_eq!(take(&[0, 60, 100, 0, 0, 0, 0], None), None);
        assert_eq!(take(&[0x80, 0x80, 0x80, 0x80, 0, 0x90, 0, 0], None), None);
        assert_eq!(take(&[0, 0xff, 0x2f, 0, 0, 0, 0], Some(0x90)), None);
        assert_eq!(take(&[0, 0x90, 60, 0x80, 0, 0, 0], None), None);
        assert_eq!(take(&on[..6], None), None);
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
