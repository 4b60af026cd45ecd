//! How long work tells those who wait.

/// Hears how far work is. The library knows no terminal.
pub trait Progress: Sync {
    /// A stage begins: `total` pieces of `unit` (`files`, `windows`) are to be done.
    fn begin(&self, stage: &str, unit: &str, total: u64);

    /// `n` more pieces are done.
    fn advance(&self, n: u64);

    /// The stage is over.
    fn end(&self);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _unit: &str, _total: u64) {}
    fn advance(&self, _n: u64) {}
    fn end(&self) {}
}
