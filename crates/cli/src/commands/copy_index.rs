//! `controlgen copy-index`.

use controlgen::copy::CopyIndex;
use serde::Serialize;

use super::Context;
use crate::args::CopyIndexArgs;

/// The size of a copy index.
#[derive(Serialize)]
struct Indexed {
    n_files: usize,
    n_notes: usize,
    n_bytes: usize,
}

pub(super) fn run(context: &Context, args: &CopyIndexArgs) -> anyhow::Result<()> {
    let model = context.model_folder(&args.model)?;
    let index = CopyIndex::make(&args.corpus, &model, None)?;
    let indexed =
        Indexed { n_files: index.n_files(), n_notes: index.n_notes(), n_bytes: index.n_bytes() };
    context.output.result(&indexed, || vec![index_line(&index)])
}

/// A summary of an index, in one line.
pub(super) fn index_line(index: &CopyIndex) -> String {
    format!(
        "copies are searched for in {} notes of {} files ({:.1} MB)",
        index.n_notes(),
        index.n_files(),
        index.n_bytes() as f64 / 1e6,
    )
}
