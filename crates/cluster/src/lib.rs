//! Corpus, latents and mixture on many machines.
//!
//! Here, the four commands of one machine are a sequence of plans on DataFusion, run in this
//! process or on a Ballista cluster; there is no custom queue. The operators are the functions that
//! the one-machine path calls:
//!
//! | stage | plan | implemented by |
//! |---|---|---|
//! | read | chunk numbers → `ReadFiles` | `corpus::stages::BuildStages::read` |
//! | deduplicate | chunk numbers → windows → `first_windows` per hash → shards | `BuildStages::windows` |
//! | encode | windows → `encode_windows(tokens, model)` → shards | `controlgen::encode` |
//! | fit | latents → `gmm_stats(window_id, mu, step)`, one plan per pass | `gmm::SufficientStats` |
//!
//! Tables are Parquet files, written by the writers of `corpus::table`; windows are grouped by
//! a 128-bit hash. Between the first two stages, one process finds out which files belong together
//! (`BuildStages::group`). Grouping by hash is the only shuffle; everything else is a map, or an
//! aggregate with small partial states.
//!
//! **Architecture invariants.** The client makes the plans and sends them as physical plans: the
//! scheduler needs to know our codec and functions, but not our tables. Every leaf of a plan is one
//! that Ballista can split (numbers in memory, or Parquet files), since every task receives any
//! other leaf as a whole. No operator knows its partition number. No output is incomplete: files
//! and folders get their names when they are complete, and shards count only once an answer names
//! them.

mod client;
pub mod codec;
pub mod commit;
pub mod em;
pub mod functions;
pub mod operators;
pub mod plan;
pub mod services;
pub mod session;
pub mod shared;
pub mod stages;
pub mod store;
