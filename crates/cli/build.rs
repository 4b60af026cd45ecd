//! Compresses the files of the model that is embedded in the program.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED").is_some() {
        compress_model()?;
    }
    Ok(())
}

/// Writes each file of `model/` to `$OUT_DIR/model/`, in gzip format.
fn compress_model() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=model");
    let folder = PathBuf::from(env::var("OUT_DIR")?).join("model");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir("model")? {
        let entry = entry?;
        let mut name = entry.file_name();
        name.push(".gz");
        let mut encoder = GzEncoder::new(fs::File::create(folder.join(name))?, Compression::best());
        std::io::copy(&mut fs::File::open(entry.path())?, &mut encoder)?;
        encoder.finish()?;
    }
    Ok(())
}
