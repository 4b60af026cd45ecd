//! The system exclusive messages that decide which channels play drums.

/// A family of sound modules, identified by the message that selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// General MIDI, or an unknown system.
    Gm,
    /// General MIDI 2.
    Gm2,
    /// Roland GS.
    Gs,
    /// Yamaha XG.
    Xg,
}

/// A relevant message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// Everything is reset, and this is the new system.
    Reset(System),
    /// A channel becomes a rhythm part, or stops being one.
    Rhythm {
        /// 0 to 15.
        channel: u8,
        /// Whether it plays drums from now on.
        is_on: bool,
    },
}

impl Message {
    /// Recognizes a message by its data, without F0 and with or without F7.
    ///
    /// Sources: General MIDI 1 and 2 System On (universal non-real-time, sub-ID 09), the Roland
    /// SC-88 manual (GS Reset, "Use for Rhythm Part"), the Yamaha XG specification (XG System On,
    /// "Part Mode").
    pub(super) fn of(data: &[u8]) -> Option<Self> {
        match data.strip_suffix(&[0xf7]).unwrap_or(data) {
            [0x7e, _, 0x09, 0x01 | 0x02] => Some(Self::Reset(System::Gm)),
            [0x7e, _, 0x09, 0x03] => Some(Self::Reset(System::Gm2)),
            // Address 40 00 7F: reset. The byte after the value is a checksum.
            [0x41, _, 0x42, 0x12, 0x40, 0x00, 0x7f, 0x00, ..] => Some(Self::Reset(System::Gs)),
            // Address 40 1x 15: part x, counted so that 0 is channel 10 and 1 to 9 are 1 to 9.
            [0x41, _, 0x42, 0x12, 0x40, part @ 0x10..=0x1f, 0x15, value, ..] => {
                let channel = match part & 15 {
                    0 => 9,
                    part @ 1..=9 => part - 1,
                    part => part,
                };
                Some(Self::Rhythm { channel, is_on: *value > 0 })
            }
            [0x43, 0x10..=0x1f, 0x4c, 0x00, 0x00, 0x7e | 0x7f, 0x00] => {
                Some(Self::Reset(System::Xg))
            }
            [0x43, 0x10..=0x1f, 0x4c, 0x08, part @ 0..=15, 0x07, value] => {
                Some(Self::Rhythm { channel: *part, is_on: *value > 0 })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_and_rhythm_parts_are_recognized() {
        let of = Message::of;
        assert_eq!(of(&[0x7e, 0x7f, 9, 1, 0xf7]), Some(Message::Reset(System::Gm)));
        assert_eq!(of(&[0x7e, 0x7f, 9, 3, 0xf7]), Some(Message::Reset(System::Gm2)));
        let gs = [0x41, 0x10, 0x42, 0x12, 0x40, 0, 0x7f, 0, 0x41, 0xf7];
        assert_eq!(of(&gs), Some(Message::Reset(System::Gs)));
        assert_eq!(of(&[0x43, 0x10, 0x4c, 0, 0, 0x7e, 0]), Some(Message::Reset(System::Xg)));
        // The part numbers of GS: 10 for part 0, then 1 to 9, then 11 to 16.
        let rhythm = |part: u8, value: u8| {
            of(&[0x41, 0x10, 0x42, 0x12, 0x40, 0x10 | part, 0x15, value, 0, 0xf7])
        };
        let on = |channel| Some(Message::Rhythm { channel, is_on: true });
        assert_eq!([rhythm(0, 1), rhythm(1, 2), rhythm(9, 1)], [on(9), on(0), on(8)]);
        assert_eq!([rhythm(10, 1), rhythm(15, 1)], [on(10), on(15)]);
        assert_eq!(rhythm(0, 0), Some(Message::Rhythm { channel: 9, is_on: false }));
        assert_eq!(of(&[0x43, 0x10, 0x4c, 8, 5, 7, 1]), on(5));
        assert_eq!(of(&[0x41, 0x10, 0x42, 0x12]), None);
        assert_eq!(of(&[]), None);
    }
}
