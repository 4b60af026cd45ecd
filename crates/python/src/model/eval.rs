//! `Model.eval`.

use std::path::Path;

use ::corpus::overwrite::Overwrite;
use ::corpus::progress::Silent;
use controlgen::session::Session;
use evaluation::{EvalReport, EvalRequest, Scope, check_report, evaluate, write_report};

use crate::error::{Outcome, refused};

/// A scope by name.
pub(super) fn scope(name: &str) -> Outcome<Scope> {
    match name {
        "all" => Ok(Scope::All),
        "control" => Ok(Scope::Control),
        _ => Err(refused(format!("scope is {name:?}; 'all' and 'control' are allowed"))),
    }
}

/// Evaluates a model; writes the report to a folder, if one is given.
pub(super) fn run(
    session: &Session,
    request: &EvalRequest,
    out: Option<&Path>,
) -> Outcome<EvalReport> {
    let model = session.model();
    // Files of other programs are kept; checked before the work rather than after it.
    let overwrite = Overwrite::default();
    if let Some(folder) = out {
        check_report(folder, overwrite)?;
    }
    let report = evaluate(model, request, &Silent)?;
    if let Some(folder) = out {
        write_report(&report, model.kind(), folder, overwrite)?;
    }
    Ok(report)
}
