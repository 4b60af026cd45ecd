//! Compresses the files of the models that are embedded in the program and the Python package.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED").is_some() {
        embed_models()?;
    }
    Ok(())
}

/// The folder with a folder for each model.
const MODELS: &str = "../cli/model";

/// Writes each file of each model to `$OUT_DIR/model/`, in gzip format, and `$OUT_DIR/models.rs`, a
/// slice of all models for `src/lib.rs`.
fn embed_models() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={MODELS}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut source = "&[\n".to_owned();
    for model in sorted(Path::new(MODELS))? {
        let name = model.file_name().ok_or("a folder has a name")?.to_str().ok_or("UTF-8")?;
        fs::create_dir_all(out.join("model").join(name))?;
        writeln!(source, "EmbeddedModel {{ name: {name:?}, files: &[")?;
        for path in sorted(&model)? {
            let file = path.file_name().ok_or("a file has a name")?.to_str().ok_or("UTF-8")?;
            let compressed = out.join("model").join(name).join(format!("{file}.gz"));
            let mut encoder = GzEncoder::new(fs::File::create(&compressed)?, Compression::best());
            std::io::copy(&mut fs::File::open(&path)?, &mut encoder)?;
            encoder.finish()?;
            let compressed = compressed.to_str().ok_or("UTF-8")?;
            writeln!(source, "({file:?}, include_bytes!({compressed:?})),")?;
        }
        source.push_str("] },\n");
    }
    source.push(']');
    fs::write(out.join("models.rs"), source)?;
    Ok(())
}

/// The entries of a folder, by name.
fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
