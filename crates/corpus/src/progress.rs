//! Progress reporting.

/// Receives the progress of long work. The library itself never writes to the terminal.
pub trait Progress: Sync {
    /// Starts a stage with `total` items of `unit` (`files`, `windows`).
    fn begin(&self, stage: &str, unit: &str, total: u64);

    /// Reports that `n` more items are done.
    fn advance(&self, n: u64);

    /// Ends the stage.
    fn end(&self);
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _unit: &str, _total: u64) {}
    fn advance(&self, _n: u64) {}
    fn end(&self) {}
}
