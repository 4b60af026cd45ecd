//! Lists the files of the page in `web/`, so that all of them are embedded in the program.

use std::fmt::Write;
use std::path::PathBuf;

#[path = "src/assets/listing.rs"]
mod listing;

fn main() {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo"));
    let web = manifest.join("web");
    // Cargo watches a folder recursively.
    println!("cargo:rerun-if-changed=web");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/assets/listing.rs");
    let mut text = String::from("&[\n");
    for name in listing::files(&web) {
        let path = web.join(&name).to_string_lossy().into_owned();
        writeln!(text, "    ({name:?}, include_bytes!({path:?})),").expect("writing to a string");
    }
    text.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by Cargo"));
    std::fs::write(out.join("assets.rs"), text).expect("Cargo's folder can be written");
}
