//! Programs that a channel gets on another track than its notes: players have one program a channel.

/// The program changes of all tracks, by channel.
#[derive(Debug, Default)]
pub(super) struct ChannelPrograms {
    changes: [Vec<(u64, u8)>; 16],
    /// Whether the track at hand sets its own program, by channel.
    is_own: [bool; 16],
}

impl ChannelPrograms {
    pub(super) fn begin_track(&mut self) {
        self.is_own = [false; 16];
    }

    pub(super) fn set(&mut self, tick: u64, channel: u8, program: u8) {
        self.changes[usize::from(channel & 15)].push((tick, program));
        self.is_own[usize::from(channel & 15)] = true;
    }

    /// Whether the track at hand sets the channel's program somewhere.
    pub(super) fn is_own(&self, channel: u8) -> bool {
        self.is_own[usize::from(channel & 15)]
    }

    /// The program in force on a channel at a tick, if any track has set one.
    pub(super) fn at(&self, channel: u8, tick: u64) -> Option<u8> {
        let changes = self.changes[usize::from(channel & 15)].iter();
        // Of equal ticks the last counts.
        changes.filter(|(t, _)| *t <= tick).max_by_key(|(t, _)| *t).map(|(_, program)| *program)
    }
}
