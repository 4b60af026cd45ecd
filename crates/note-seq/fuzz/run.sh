#!/bin/sh
# Fuzzes one target without a nightly compiler: `fuzz/run.sh TARGET SECONDS [SEED-FOLDER…]`, from
# any folder.
#
# The coverage that libFuzzer uses comes from a pass of LLVM, which stable Rust can run. Memory is
# limited to 512 MB, a run to 60 s. Needs a C++ compiler. CARGO_TARGET_DIR may name another folder
# for the build.
set -eu
cd "$(dirname "$0")"
target=$1 seconds=$2
shift 2
host=$(rustc -vV | sed -n 's/^host: //p')
out=${CARGO_TARGET_DIR:-$PWD/target}
export RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# With an explicit target, so that build scripts are not instrumented.
cargo build -j2 --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "$out/$host/release/$target" "corpus/$target" "$@" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -rss_limit_mb=512 -timeout=60 -max_len=65536
