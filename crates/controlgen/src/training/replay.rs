//! Replay: drawing music that a model was trained on before while training continues on other
//! music.
//!
//! A network trained further on new data alone forgets the old (`McCloskey` and Cohen 1989).
//! Drawing a fraction of each batch from the old data prevents this; it is represented by the
//! windows in the model folder (`reference.parquet`).

use corpus::table::read_reference;
use musicvae::train::Corpus;

use super::{TrainRequest, TrainingError};
use crate::style::REFERENCE_FILE;

/// Default fraction of windows drawn from the old music.
pub const DEFAULT_REPLAY: f64 = 0.2;

/// Windows of the music that the request's model was trained on, and the fraction of draws from
/// them. `None` for a model with random weights, for one without such windows, or if training
/// continues on the same corpus.
pub(super) fn windows(
    request: &TrainRequest,
    corpus_hash: &str,
) -> Result<Option<(Vec<Vec<u16>>, f64)>, TrainingError> {
    let Some(from) = &request.setup.from else { return Ok(None) };
    let path = from.folder.join(REFERENCE_FILE);
    let share = match request.replay {
        Some(share) if share > 0.0 && !path.exists() => {
            return Err(TrainingError::NothingToReplay { model: from.folder.clone() });
        }
        Some(share) => share,
        None if from.origin.corpus_hash.as_deref() == Some(corpus_hash) => 0.0,
        None => DEFAULT_REPLAY,
    };
    if share == 0.0 || !path.exists() {
        return Ok(None);
    }
    let rows = read_reference(&path)?;
    Ok(Some((rows.into_iter().map(|row| row.tokens).collect(), share)))
}

/// Frequency of draws from each part of a corpus of `n` windows, and from the `n_replayed`
/// windows after them, which get a fraction `share` of all draws.
pub(super) fn drawn(mut own: Vec<Corpus>, n: usize, n_replayed: usize, share: f64) -> Vec<Corpus> {
    if own.is_empty() {
        own.push(Corpus { windows: 0..n, weight: 1.0 });
    }
    let weight: f64 = own.iter().map(|corpus| corpus.weight).sum();
    own.push(Corpus { windows: n..n + n_replayed, weight: weight * share / (1.0 - share) });
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replayed_windows_have_their_share_of_all_draws() {
        let own =
            vec![Corpus { windows: 0..10, weight: 1.0 }, Corpus { windows: 10..90, weight: 3.0 }];
        let weights =
            |corpora: Vec<Corpus>| corpora.iter().map(|corpus| corpus.weight).collect::<Vec<_>>();
        // 1 of 1 + 3 + 1.
        assert_eq!(weights(drawn(own, 90, 20, 0.2)), [1.0, 3.0, 1.0]);
        let single = drawn(Vec::new(), 90, 20, 0.5);
        assert_eq!(single[1].windows, 90..110);
        assert_eq!(weights(single), [1.0, 1.0]);
    }
}
