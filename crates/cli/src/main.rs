//! The program controlgen.

fn main() {}
