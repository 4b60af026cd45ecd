//! Transposition of melody tokens.

/// The first token that is a pitch; the ones below it are "no event" and "note off".
const FIRST_PITCH: u16 = 2;

/// Moves every pitch by `semitones`, or by less where a pitch would leave the vocabulary.
///
/// The whole window moves by one number, so that its intervals stay; nothing is dropped. Returns
/// the semitones it moved by.
///
/// # Examples
/// ```
/// let mut tokens = [41, 0, 1, 89];
/// assert_eq!(musicvae::transpose_tokens(&mut tokens, -3, 90), -3);
/// assert_eq!(tokens, [38, 0, 1, 86]);
/// assert_eq!(musicvae::transpose_tokens(&mut tokens, 5, 90), 3);
/// assert_eq!(tokens, [41, 0, 1, 89]);
/// ```
pub fn transpose_tokens(tokens: &mut [u16], semitones: i32, n_classes: usize) -> i32 {
    let pitches = || tokens.iter().copied().filter(|token| *token >= FIRST_PITCH);
    let (Some(lowest), Some(highest)) = (pitches().min(), pitches().max()) else { return 0 };
    let room_below = i32::from(FIRST_PITCH) - i32::from(lowest);
    let last = i32::try_from(n_classes).unwrap_or(i32::MAX) - 1;
    let moved = semitones.clamp(room_below.min(0), (last - i32::from(highest)).max(0));
    for token in tokens.iter_mut().filter(|token| **token >= FIRST_PITCH) {
        let pitch = i32::from(*token) + moved;
        *token = u16::try_from(pitch).expect("kept within the vocabulary");
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_pitches_stays() {
        let mut tokens = [0, 1, 0, 0];
        assert_eq!(transpose_tokens(&mut tokens, 5, 90), 0);
        assert_eq!(tokens, [0, 1, 0, 0]);
    }

    #[test]
    fn a_window_at_both_edges_cannot_move() {
        let mut tokens = [2, 89];
        assert_eq!(transpose_tokens(&mut tokens, -1, 90), 0);
        assert_eq!(transpose_tokens(&mut tokens, 1, 90), 0);
    }
}
