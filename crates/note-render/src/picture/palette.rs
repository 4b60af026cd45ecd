//! The colors of piano rolls, defined once for pictures and pages.

use super::Color;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark notes on white.
    #[default]
    Light,
    /// Light notes on black.
    Dark,
}

/// The colors of piano rolls: of pictures, and of all pages that draw rolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    pub(crate) background: Color,
    pub(crate) black_key: Color,
    pub(crate) octave: Color,
    pub(crate) beat: Color,
    pub(crate) bar: Color,
    pub(crate) text: Color,
    pub(crate) playhead: Color,
    /// Colors of instruments, distinguishable with most kinds of color vision (Okabe and Ito 2008).
    pub(crate) parts: [Color; 8],
}

impl Theme {
    pub(crate) fn palette(self) -> Palette {
        match self {
            Self::Light => Palette {
                background: Color(255, 255, 255),
                black_key: Color(244, 244, 242),
                octave: Color(205, 205, 200),
                beat: Color(228, 228, 224),
                bar: Color(170, 170, 164),
                text: Color(90, 90, 86),
                playhead: Color(0xc2, 0x18, 0x5b),
                parts: [
                    Color(0x00, 0x72, 0xb2),
                    Color(0xd5, 0x5e, 0x00),
                    Color(0x00, 0x9e, 0x73),
                    Color(0xcc, 0x79, 0xa7),
                    Color(0xe6, 0x9f, 0x00),
                    Color(0x56, 0xb4, 0xe9),
                    Color(0x8a, 0x6d, 0x00),
                    Color(0x80, 0x80, 0x80),
                ],
            },
            Self::Dark => Palette {
                background: Color(22, 23, 26),
                black_key: Color(29, 30, 34),
                octave: Color(62, 64, 70),
                beat: Color(46, 48, 53),
                bar: Color(92, 95, 103),
                text: Color(165, 168, 176),
                playhead: Color(0xff, 0x6f, 0xa5),
                // The same hues, lighter.
                parts: [
                    Color(0x56, 0xb4, 0xe9),
                    Color(0xff, 0x9a, 0x4d),
                    Color(0x2f, 0xd0, 0xa0),
                    Color(0xe7, 0x9f, 0xc9),
                    Color(0xf0, 0xc0, 0x4a),
                    Color(0xa9, 0xdc, 0xfa),
                    Color(0xd6, 0xb2, 0x4a),
                    Color(0xb0, 0xb0, 0xb0),
                ],
            },
        }
    }
}

impl Palette {
    /// Custom properties of a style sheet: `--roll-background` and so on, and `--roll-parts`, the
    /// colors of instruments, separated by spaces.
    pub(crate) fn css(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(|color| color.css()).collect();
        format!(
            "--roll-background: {}; --roll-black-key: {}; --roll-octave: {}; --roll-beat: {}; \
             --roll-bar: {}; --roll-playhead: {}; --roll-parts: {};",
            self.background.css(),
            self.black_key.css(),
            self.octave.css(),
            self.beat.css(),
            self.bar.css(),
            self.playhead.css(),
            parts.join(" "),
        )
    }
}
