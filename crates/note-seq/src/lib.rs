//! Note sequences: MIDI in and out, tempo maps, quantizing, and the token encodings of music models.
