//! Bitmap glyphs for octave names and bar numbers, three cells wide and five high, so that a piano
//! roll needs no font.

/// The cells of a character as (column, row) from its upper left; empty for a character without a
/// glyph.
pub(super) fn glyph(letter: char) -> impl Iterator<Item = (u8, u8)> {
    // Five rows of three bits; the most significant bit is the left cell.
    let rows: [u8; 5] = match letter {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b011, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        'C' => [0b111, 0b100, 0b100, 0b100, 0b111],
        '-' => [0b000, 0b000, 0b111, 0b000, 0b000],
        _ => [0; 5],
    };
    (0..15)
        .map(|cell| (cell % 3, cell / 3))
        .filter(move |(column, row)| rows[usize::from(*row)] & (0b100 >> column) != 0)
}
