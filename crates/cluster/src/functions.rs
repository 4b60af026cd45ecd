//! The functions that our plans call, registered by name with the client, the scheduler and the
//! executors.

mod encode;
mod first;
mod stats;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use encode::EncodeWindows;
pub use first::FirstWindows;
pub use stats::{GmmStats, decode_stats};

/// `encode_windows(tokens, model)`.
pub fn encode_windows() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(EncodeWindows::new()))
}

/// `first_windows(number, heldout, row)`.
pub fn first_windows() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(FirstWindows::new()))
}

/// `gmm_stats(window_id, z, step)`.
pub fn gmm_stats() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(GmmStats::new()))
}
