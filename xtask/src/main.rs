//! Repository tasks: training runs, checks, benchmarks.

fn main() {}
