//! Corpus, latents and mixture on many machines.
//!
//! What one machine does in four commands is here a run of plans on DataFusion, in this process or on a
//! Ballista cluster; a queue of our own there is none. The operators are the functions that the one-machine
//! path calls:
//!
//! | stage | plan | whose function |
//! |---|---|---|
//! | read | numbers of chunks → `ReadFiles` | `controlgen::corpus::steps::Steps::read` |
//! | deduplicate | numbers of chunks → `midi_windows` → group by 128-bit hash, `first_windows` → shards | `Steps::windows`, the writers of `controlgen::table` |
//! | encode | Parquet of windows → `encode_windows(tokens, model)` → shards | `controlgen::encode::encode_tokens` |
//! | fit | Parquet of latents → `gmm_stats(window_id, mu, step)`, a plan a pass | `gmm::SufficientStats` |
//!
//! Between the first two, one place finds out which files belong together (`Steps::group`). The grouping by
//! hash is the only shuffle; all else is maps, and an aggregate whose partial states are small.
//!
//! **Architecture invariants.** Plans are made by the client and travel as physical plans: the scheduler needs
//! to know our codec and functions, not our tables. Every leaf of a plan is one that Ballista can cut up
//! (numbers in memory, or Parquet files), since it gives each task the whole of any other. No operator knows
//! which partition it is. Nothing is half-written: files and folders get their names when they are whole, and
//! shards count only once they were named in an answer.

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
