//! The rules of each style.

/// The rules of one style.
pub(super) struct Style {
    pub(super) name: &'static str,
    /// Semitones of the scale above the tonic.
    pub(super) scale: &'static [i32],
    /// The tonic nearest to the middle of the register.
    pub(super) register: i32,
    /// Bars of rhythm: step and length of each note.
    pub(super) rhythms: &'static [&'static [(usize, usize)]],
    /// Scale steps from one note to the next.
    pub(super) motion: &'static [i32],
    /// Roots of the chords, as scale degrees, one per bar.
    pub(super) progressions: &'static [[usize; 4]],
    pub(super) qpm: f64,
    pub(super) drums: bool,
}

const MAJOR: &[i32] = &[0, 2, 4, 5, 7, 9, 11];
const DORIAN: &[i32] = &[0, 2, 3, 5, 7, 9, 10];
const HARMONIC_MINOR: &[i32] = &[0, 2, 3, 5, 7, 8, 11];
const BLUES: &[i32] = &[0, 3, 5, 6, 7, 10];
const MAJOR_PENTATONIC: &[i32] = &[0, 2, 4, 7, 9];
const PHRYGIAN_DOMINANT: &[i32] = &[0, 1, 4, 5, 7, 8, 10];
const LYDIAN: &[i32] = &[0, 2, 4, 6, 7, 9, 11];
const WHOLE_TONE: &[i32] = &[0, 2, 4, 6, 8, 10];

pub(super) const STYLES: [Style; 9] = [
    Style {
        name: "hymn",
        scale: MAJOR,
        register: 65,
        rhythms: &[
            &[(0, 4), (4, 4), (8, 4), (12, 4)],
            &[(0, 8), (8, 4), (12, 4)],
            &[(0, 4), (4, 4), (8, 8)],
            &[(0, 6), (6, 2), (8, 8)],
        ],
        motion: &[-1, -1, 0, 1, 1, 2, -2],
        progressions: &[[0, 3, 4, 0], [0, 5, 3, 4], [0, 4, 5, 3]],
        qpm: 84.0,
        drums: false,
    },
    Style {
        name: "reel",
        scale: DORIAN,
        register: 76,
        rhythms: &[
            &[(0, 2), (2, 2), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2), (14, 2)],
            &[(0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2), (14, 2)],
            &[(0, 2), (2, 1), (3, 1), (4, 2), (6, 2), (8, 4), (12, 2), (14, 2)],
        ],
        motion: &[-2, -1, -1, 1, 1, 2, 2, -3, 3],
        progressions: &[[0, 0, 6, 6], [0, 6, 0, 6], [0, 0, 6, 0]],
        qpm: 112.0,
        drums: false,
    },
    Style {
        name: "blues",
        scale: BLUES,
        register: 55,
        rhythms: &[
            &[(2, 1), (3, 3), (6, 4), (14, 2)],
            &[(0, 3), (3, 5), (11, 1), (12, 2)],
            &[(3, 1), (4, 2), (7, 5)],
            &[(0, 1), (3, 1), (6, 1), (8, 4)],
        ],
        motion: &[-2, -1, 0, 0, 1, 1, 2, -3],
        progressions: &[[0, 2, 0, 0], [0, 0, 2, 0], [0, 2, 4, 0]],
        qpm: 96.0,
        drums: true,
    },
    Style {
        name: "toccata",
        scale: HARMONIC_MINOR,
        register: 69,
        rhythms: &[
            &[
                (0, 1),
                (1, 1),
                (2, 1),
                (3, 1),
                (4, 1),
                (5, 1),
                (6, 1),
                (7, 1),
                (8, 1),
                (9, 1),
                (10, 1),
                (11, 1),
                (12, 1),
                (13, 1),
                (14, 1),
                (15, 1),
            ],
            &[
                (0, 1),
                (1, 1),
                (2, 2),
                (4, 1),
                (5, 1),
                (6, 2),
                (8, 1),
                (9, 1),
                (10, 2),
                (12, 1),
                (13, 1),
                (14, 2),
            ],
            &[
                (0, 2),
                (2, 1),
                (3, 1),
                (4, 1),
                (5, 1),
                (6, 1),
                (7, 1),
                (8, 2),
                (10, 1),
                (11, 1),
                (12, 1),
                (13, 1),
                (14, 1),
                (15, 1),
            ],
        ],
        motion: &[-4, -1, -1, 1, 1, 1, 4, -2, 2],
        progressions: &[[0, 3, 4, 0], [0, 5, 3, 4], [0, 6, 5, 4]],
        qpm: 132.0,
        drums: true,
    },
    // Dotted fanfares on the tones of a triad.
    Style {
        name: "fanfare",
        scale: MAJOR,
        register: 62,
        rhythms: &[
            &[(0, 3), (3, 1), (4, 4), (8, 3), (11, 1), (12, 4)],
            &[(0, 3), (3, 1), (4, 3), (7, 1), (8, 8)],
            &[(0, 6), (6, 1), (7, 1), (8, 3), (11, 1), (12, 4)],
        ],
        motion: &[-4, -2, -2, 0, 0, 2, 2, 4],
        progressions: &[[0, 0, 4, 0], [0, 3, 4, 0], [0, 0, 0, 4]],
        qpm: 108.0,
        drums: true,
    },
    // Long high notes that hardly move.
    Style {
        name: "lullaby",
        scale: MAJOR_PENTATONIC,
        register: 84,
        rhythms: &[&[(0, 8), (8, 8)], &[(0, 12), (12, 4)], &[(0, 16)]],
        motion: &[-1, -1, 0, 1, 1],
        progressions: &[[0, 0, 3, 0], [0, 4, 0, 4], [0, 3, 4, 0]],
        qpm: 66.0,
        drums: false,
    },
    // Groups of three, three and two; low, with a half step above the tonic.
    Style {
        name: "habanera",
        scale: PHRYGIAN_DOMINANT,
        register: 48,
        rhythms: &[
            &[(0, 3), (3, 3), (6, 2), (8, 3), (11, 3), (14, 2)],
            &[(0, 3), (3, 3), (6, 4), (10, 2), (12, 2), (14, 2)],
            &[(0, 3), (3, 5), (8, 3), (11, 3), (14, 2)],
        ],
        motion: &[-1, -1, 1, 1, -2, 2],
        progressions: &[[0, 1, 0, 1], [0, 1, 2, 1], [0, 0, 1, 0]],
        qpm: 92.0,
        drums: true,
    },
    // Descending whole tones, syncopated.
    Style {
        name: "drift",
        scale: WHOLE_TONE,
        register: 72,
        rhythms: &[
            &[(2, 6), (8, 5), (13, 3)],
            &[(1, 5), (6, 5), (11, 5)],
            &[(0, 5), (5, 9), (14, 2)],
        ],
        motion: &[-1, -1, -1, -2, -2, 3],
        progressions: &[[0, 1, 2, 3], [0, 2, 4, 2], [0, 5, 4, 3]],
        qpm: 76.0,
        drums: false,
    },
    // Always off the beat.
    Style {
        name: "skank",
        scale: LYDIAN,
        register: 71,
        rhythms: &[
            &[(2, 2), (6, 2), (10, 2), (14, 2)],
            &[(2, 1), (3, 1), (6, 2), (10, 1), (11, 1), (14, 2)],
            &[(2, 2), (6, 1), (7, 1), (10, 2), (14, 1), (15, 1)],
        ],
        motion: &[-3, -3, -1, 0, 1, 3, 3],
        progressions: &[[0, 1, 0, 1], [0, 4, 1, 0], [0, 1, 4, 1]],
        qpm: 88.0,
        drums: true,
    },
];
