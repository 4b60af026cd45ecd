//! The models in the program: training data and settings.

/// Training music of a model.
pub(super) struct Source {
    /// Its folder below `--data`.
    pub(super) folder: &'static str,
    /// Its origin.
    pub(super) origin: &'static str,
    /// Its license, as an SPDX identifier if there is one.
    pub(super) license: &'static str,
    /// The required attribution.
    pub(super) attribution: &'static str,
}

/// The data and settings for making a model.
pub(super) struct Recipe {
    /// Its name in the program.
    pub(super) name: &'static str,
    /// The title of its card.
    pub(super) title: &'static str,
    /// The kind of its windows.
    pub(super) kind: &'static str,
    /// The preset, and the changes to it.
    pub(super) training: &'static [&'static str],
    /// Number of training steps.
    pub(super) steps: u32,
    /// Maximum number of windows per file for fitting styles, so that long pieces don't have more
    /// weight than others.
    pub(super) windows_per_file: u32,
    /// Options of `fit`.
    pub(super) fit: &'static [&'static str],
    /// Musicians' names for the music with certain titles in its corpora, for the names of styles.
    pub(super) names: &'static [(&'static str, &'static str)],
    /// Its training data.
    pub(super) sources: &'static [Source],
    /// Its purpose and limitations.
    pub(super) limits: &'static str,
}

const POLISH_SCORES: Source = Source {
    folder: "polish-scores",
    origin: "github.com/pl-wnifc/humdrum-polish-scores, `**kern` scores made MIDI",
    license: "CC-BY-4.0",
    attribution: "Narodowy Instytut Fryderyka Chopina, polishscores.org",
};
const CHOPIN: Source = Source {
    folder: "chopin-first-editions",
    origin: "github.com/pl-wnifc/humdrum-chopin-first-editions, `**kern` scores made MIDI",
    license: "CC-BY-4.0",
    attribution: "The Fryderyk Chopin Institute",
};
const LIEDER: Source = Source {
    folder: "openscore-lieder",
    origin: "github.com/OpenScore/Lieder, scores made MIDI",
    license: "CC0-1.0",
    attribution: "OpenScore",
};
const QUARTETS: Source = Source {
    folder: "openscore-quartets",
    origin: "github.com/OpenScore/StringQuartets, scores made MIDI",
    license: "CC0-1.0",
    attribution: "OpenScore",
};
const ORCHESTRA: Source = Source {
    folder: "openscore-orchestra",
    origin: "github.com/MarkGotham/Hauptstimme, scores made MIDI",
    license: "CC0-1.0",
    attribution: "OpenScore",
};
const POP909: Source = Source {
    folder: "pop909-aligned",
    origin: "github.com/music-x-lab/POP909-Dataset, re-timed on its own beats",
    license: "MIT",
    attribution: "Ziyu Wang and others",
};
const MUTOPIA: Source = Source {
    folder: "mutopia",
    origin: "github.com/MutopiaProject/MutopiaProject, LilyPond scores made MIDI",
    license: "public domain; CC-BY for some",
    attribution: "the maintainers named in its files, www.mutopiaproject.org",
};
const HYMNAL: Source = Source {
    folder: "open-hymnal",
    origin: "openhymnal.org, ABC scores made MIDI",
    license: "public domain",
    attribution: "The Open Hymnal Project",
};
const JS_FAKES: Source = Source {
    folder: "js-fakes",
    origin: "github.com/omarperacha/js-fakes, machine-made chorales",
    license: "CC-BY-4.0",
    attribution: "Omar Peracha",
};
const CHORDS: Source = Source {
    folder: "free-midi-chords",
    origin: "github.com/ldrolez/free-midi-chords, progressions in five styles",
    license: "MIT",
    attribution: "Ludovic Drolez",
};
const GAMES: Source = Source {
    folder: "games-small",
    origin: "github.com/GeorgePieVG/blasphemer, github.com/qubodup/freedink-data",
    license: "BSD-3-Clause, Zlib",
    attribution: "the Blasphemer authors named in its credits; Seth A. Robinson",
};
const FREEDOOM: Source = Source {
    folder: "freedoom/musics",
    origin: "github.com/freedoom/freedoom",
    license: "BSD-3-Clause",
    attribution: "Contributors to the Freedoom project",
};
const EASYRPG: Source = Source {
    folder: "easyrpg-rtp",
    origin: "github.com/EasyRPG/RTP",
    license: "CC-BY-4.0, CC0-1.0",
    attribution: "the authors named in its AUTHORS.md",
};
const PIANOBOOSTER: Source = Source {
    folder: "pianobooster-music",
    origin: "github.com/pianobooster/PianoBooster, its music books",
    license: "CC-BY, CC0-1.0",
    attribution: "Louis J. Barman",
};
const GROOVE: Source = Source {
    folder: "groove",
    origin: "magenta.withgoogle.com/datasets/groove, drummers on an electronic kit",
    license: "CC-BY-4.0",
    attribution: "Google LLC (Gillick and others, ICML 2019)",
};

/// All collections with pitched instruments.
const PITCHED: [Source; 14] = [
    POLISH_SCORES,
    LIEDER,
    QUARTETS,
    ORCHESTRA,
    POP909,
    CHOPIN,
    MUTOPIA,
    HYMNAL,
    JS_FAKES,
    CHORDS,
    GAMES,
    FREEDOOM,
    EASYRPG,
    PIANOBOOSTER,
];

/// Musicians' names for the music in them, for the names of styles.
const PITCHED_NAMES: &[(&str, &str)] = &[
    ("missa", "mass"),
    ("quartet", "string quartet"),
    ("openscore-lieder", "song with piano"),
    ("js-fakes", "chorale"),
    ("open-hymnal", "hymn"),
    ("pop909-aligned", "pop ballad"),
    ("free-midi-chords", "chord loop"),
    ("Stefani, Jozef", "theater orchestra"),
    ("mutopia", "piano piece"),
];

/// Options of `fit` for styles of whole pieces; their number is the one most stable between halves
/// of the data.
const BY_PIECES: &[&str] = &[
    "-k",
    "10..14",
    "--granularity",
    "pieces",
    "--covariance",
    "full",
    "--criterion",
    "stability",
    "--n-init",
    "5",
    "--resamples",
    "5",
];

/// All models in the program.
pub(super) const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "poly",
        title: "The model in the program: two bars of all voices, in any meter",
        kind: "poly-2bar",
        training: &["--preset", "poly_2bar_compact", "--decay-steps", "14000"],
        steps: 14_000,
        windows_per_file: 12,
        fit: BY_PIECES,
        names: PITCHED_NAMES,
        sources: &PITCHED,
        limits: "For sketches and experiments: two bars at a time, on a grid of 12 ticks a quarter, \
                 up to six instrument families. Most of what it has heard is European music of the \
                 17th to the 19th century, in scores without dynamics; of pop it knows one \
                 collection of piano arrangements and synthetic chord progressions, of rock the \
                 music of a few games. It knows no swing finer than triplets, no tempo and no form \
                 beyond two bars; longer pieces are paths through its latent space.",
    },
    Recipe {
        name: "drums",
        title: "The model in the program: two bars of drums with velocities and timing",
        kind: "drums-2bar-groove",
        training: &["--preset", "drums_2bar_groove_compact", "--decay-steps", "2500"],
        steps: 1500,
        windows_per_file: 40,
        fit: &["-k", "10", "--covariance", "full", "--n-init", "1", "--resamples", "1"],
        names: &[],
        sources: &[GROOVE, FREEDOOM, GAMES],
        limits: "For sketches and experiments: two bars of a drum kit at a time. Most of what it has \
                 heard are ten drummers on one electronic kit, mostly in 4/4; what is written on a \
                 grid comes from the music of a few games.",
    },
    Recipe {
        name: "melody",
        title: "The model in the program: two bars of melody",
        kind: "mel-2bar",
        training: &["--preset", "cat-mel_2bar_compact", "--bf16"],
        steps: 30_000,
        windows_per_file: 12,
        fit: BY_PIECES,
        names: PITCHED_NAMES,
        sources: &PITCHED,
        limits: "For sketches and experiments: two bars of one line in 4/4 or 2/2, on sixteenths, \
                 without dynamics. Most of what it has heard are single voices of European music of \
                 the 17th to the 19th century, and of pop arrangements for piano.",
    },
];
