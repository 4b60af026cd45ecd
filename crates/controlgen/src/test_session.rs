//! A session with a trained model, for tests.

use std::path::Path;
use std::sync::OnceLock;

use musicvae::Device;

use crate::session::Session;
use crate::style::StyleFolders;

/// The program's model `melody` with its own styles.
pub(crate) fn melody() -> &'static Session {
    static MELODY: OnceLock<Session> = OnceLock::new();
    MELODY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/model/melody");
        // Without the styles that a user of this machine has added.
        let folders = |model: &_| StyleFolders::with(model, Path::new("none"));
        Session::open_with(&folder, &Device::flex(), folders)
            .expect("the model is in the repository")
    })
}

/// `n` real windows.
pub(crate) fn windows(n: usize) -> Vec<Vec<u16>> {
    let rows = melody().reference().expect("the model has a reference").rows.iter().cycle();
    rows.take(n).map(|row| row.tokens.clone()).collect()
}

/// Returns `true` a given number of times, then `false`; counts the calls.
pub(crate) struct GoOn {
    n_left: std::cell::Cell<usize>,
    pub(crate) n_asked: std::cell::Cell<usize>,
}

impl GoOn {
    pub(crate) fn times(n: usize) -> Self {
        Self { n_left: n.into(), n_asked: 0.into() }
    }

    pub(crate) fn answer(&self) -> bool {
        self.n_asked.set(self.n_asked.get() + 1);
        let left = self.n_left.get();
        self.n_left.set(left.saturating_sub(1));
        left > 0
    }
}
