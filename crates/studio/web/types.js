// @ts-check
// Types of the studio's API (../API.md) and of the page.

/**
 * @typedef {object} Note
 * @property {number} pitch 0 to 127; for drums, the General MIDI percussion key
 * @property {number} start step
 * @property {number} end step
 * @property {number} voice 0 is the melody
 */

/**
 * @typedef {object} Window
 * @property {number[]} tokens
 * @property {number[]} z
 * @property {number} n_steps its length, by its meter
 * @property {[number, number]} meter its time signature
 * @property {number} key semitones from the key of the tokens up to that of the notes
 * @property {Note[]} notes as they sound, starting at step 0
 * @property {Memberships} memberships of the music when encoded again
 */

/**
 * Probabilities by the `id` of a style; at most 1 in all.
 * @typedef {Record<string, number>} Memberships
 */

/** @typedef {{ fraction: number, n_notes: number, file: string, bar: number }} Copy */

/**
 * @typedef {object} Piece
 * @property {string} title
 * @property {number} n_steps
 * @property {number} qpm
 * @property {Note[]} notes
 * @property {Window[]} windows
 * @property {number | null} seed
 * @property {number | null} temperature
 * @property {number | null} membership
 * @property {Copy | null} copy
 * @property {string | null} form a letter for each window of a composed piece
 */

/** @typedef {{ z: number[] } | { style: string } | { tokens: number[][] }} Anchor */

/** @typedef {{ name: string, what: string, sd: number, usual: [number, number] }} Attribute */

/** @typedef {{ drums: boolean, program: number }} Voice */

/**
 * @typedef {object} Limits
 * @property {number} upload_bytes
 * @property {number} upload_files
 * @property {number} body_bytes
 * @property {number} n_pieces
 * @property {number} n_bars
 * @property {number} n_windows
 * @property {number} n_grid
 */

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {string} version
 * @property {string} hash identifies its weights
 * @property {string} kind
 * @property {number} z_size
 * @property {number[]} active_dimensions
 * @property {number} window_steps
 * @property {number} window_bars
 * @property {number} steps_per_quarter
 * @property {number} steps_per_bar
 * @property {number} pitch_min
 * @property {number} pitch_max
 * @property {boolean} drums whether any voice is a drum part
 * @property {Voice[]} voices its parts; a piece with more voices, for example a mix, repeats them
 * @property {number} qpm
 * @property {number} n_windows
 * @property {number} n_styles
 * @property {boolean} has_pieces whether longer pieces follow what was learned from real ones
 * @property {boolean} in_one_key whether its music is in C major or A minor, so that any key can
 *   be chosen
 * @property {string | null} save_folder where the server saves MIDI files
 * @property {boolean} has_copy_index
 * @property {Attribute[]} attributes
 * @property {Limits} limits
 */

/**
 * @typedef {object} Style
 * @property {string} id its key in `memberships`, regardless of its name and position
 * @property {number} index its number on the map
 * @property {string} name
 * @property {string} color
 * @property {number} weight
 * @property {number} n_windows
 * @property {boolean} hidden
 * @property {boolean} added
 * @property {string} description
 * @property {number[]} components
 */

/** @typedef {{ file: string, bar: number }} Source */

/**
 * @typedef {object} Card
 * @property {Style} style
 * @property {string[]} sentences
 * @property {{ id: string, name: string, words: string[] }[]} nearest
 * @property {{ name: string, unit: string, value: number, deviation: number | null }[]}
 *   features
 * @property {{ label: string, share: number }[]} labels
 * @property {{ source: Source, window: Window }[]} examples
 * @property {{ file: string, sentence?: string, n_windows?: number }[] | null} used
 */

/**
 * @typedef {{ style: number, x: number, y: number, axes: [number, number], angle: number }} Ellipse
 */

/**
 * @typedef {object} MapData
 * @property {"pca" | "lda" | "neighbours"} projection
 * @property {number} n
 * @property {[number, number, number, number]} bounds
 * @property {{ mean: number[], axes: [number[], number[]] } | null} inverse
 * @property {Ellipse[]} ellipses
 * @property {number} progress
 */

/** @typedef {{ index: number, source: Source, window: Window }} ReferenceWindow */

/**
 * @typedef {object} Tune
 * @property {string} title
 * @property {string | number} track
 * @property {string} why
 * @property {string[]} changes
 * @property {Piece} piece
 * @property {{ number: number, label: string, n_windows: number }[]} tracks
 * @property {{ track: string | number, why: string }[]} refused
 */

/** @typedef {{ original: Piece, mixed: Piece, together: Piece, consonance: number | null }} Mix */

/**
 * A piece on the page: the music, how it was made, and its state.
 * @typedef {object} Take
 * @property {string} id
 * @property {string} title
 * @property {string} how how it was made, in words
 * @property {number} made milliseconds since 1970
 * @property {number} n_steps
 * @property {number} qpm
 * @property {Note[]} notes
 * @property {Window[]} windows
 * @property {number | null} seed
 * @property {number | null} temperature
 * @property {number | null} membership
 * @property {Copy | null} copy
 * @property {boolean} favourite
 * @property {boolean} edited
 * @property {number} [program] General MIDI program; by default the model's
 * @property {number} [velocity] velocity of all notes
 * @property {Section[]} [sections] of a longer piece; by default each window is one
 */

/**
 * Consecutive windows of a piece with a name; those with the same name are the same music, and
 * primes are variations.
 * @typedef {object} Section
 * @property {string} name
 * @property {number} n number of windows
 * @property {boolean} [locked] whether it stays when others are redrawn
 */

/** @typedef {{ x: number, y: number }} Point */

/**
 * Selects a map.
 * @typedef {{ projection: MapData["projection"], styles?: string }} MapQuery
 */

export {};
