//! `controlgen studio`.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;
use serde::Serialize;
use studio::{API_VERSION, MAX_POINTS, Shutdown, Source, Studio, StudioOptions};

use super::Context;
use crate::args::StudioArgs;
use crate::interrupt;
use crate::progress::{Show, note};

/// The default port: `MUSE` on a telephone keypad.
const USUAL_PORT: u16 = 6873;

/// Address and size of the running studio.
#[derive(Serialize)]
struct Serving {
    address: String,
    port: u16,
    /// The address of the HTTP interface, for programs.
    api: String,
    /// Number of windows on the map.
    n_windows: usize,
    /// Total size of the page's files in bytes.
    page_bytes: usize,
}

pub(super) fn run(context: &Context, args: &StudioArgs) -> anyhow::Result<()> {
    // Before the model is loaded, so that a port in use is reported at once.
    let listener = listener(args.port)?;
    let port = listener.local_addr()?.port();
    let session = super::loading::open(context, &args.of)?;
    for skipped in session.styles()?.skipped() {
        note(&format!("left out {}: {}", skipped.path.display(), skipped.reason));
    }
    let source = match &args.corpus {
        Some(corpus) => {
            let latents = args.latents.as_deref();
            Some(Source::from_corpus(session.model(), corpus, latents, &context.stages)?)
        }
        None => None,
    };
    let n_windows = source.as_ref().map(Source::n_windows);
    if n_windows.is_some_and(|n| n >= MAX_POINTS / 2) {
        note(&format!(
            "the corpus is large: the map shows at most {MAX_POINTS} windows, distributed evenly over it"
        ));
    }
    let name = match &args.of.model {
        Some(folder) => model_name(folder),
        None => models::DEFAULT.to_owned(),
    };
    let pieces = match &args.of.styles_folder {
        Some(folder) => Some(folder.join("pieces")),
        None => directories::ProjectDirs::from("", "", "controlgen")
            .map(|folders| folders.data_dir().join("pieces")),
    };
    let options = StudioOptions {
        name,
        page: args.page.clone(),
        pieces,
        save_folder: args.save_folder.clone(),
    };
    let studio = Studio::new(session, source, options)?;
    let address = format!("http://127.0.0.1:{port}/");
    let serving = Serving {
        api: format!("{address}api/v{API_VERSION}/openapi.json"),
        n_windows: studio.n_windows(),
        page_bytes: studio::page_bytes(),
        port,
        address,
    };
    let shutdown = Shutdown::new();
    let on_signal = shutdown.clone();
    interrupt::on_first(move || on_signal.now())?;
    context.output.result(&serving, || vec![serving.address.clone()])?;
    if context.show != Show::Nothing {
        note("the studio is at the address above, for this machine only; Ctrl-C stops it");
    }
    if !args.no_open {
        // If no browser can be opened, the user can open the address.
        if let Err(error) = open::that_detached(&serving.address) {
            note(&format!("no browser could be opened ({error}); open the address yourself"));
        }
    }
    Ok(studio::run(listener, studio, &shutdown)?)
}

/// A listener at a port of this machine: the requested one, or else the default one or, if that is
/// in use, any free one.
fn listener(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => at(port).with_context(|| {
            format!("can't serve at port {port}; give another one, or leave `--port` out")
        }),
        None => at(USUAL_PORT).or_else(|_| at(0)).context("can't serve at any port"),
    }
}

/// A display name for a model folder: `RUN` for `RUN/model`.
fn model_name(folder: &std::path::Path) -> String {
    let name = |path: &std::path::Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    match (name(folder), folder.parent().and_then(name)) {
        (Some(own), Some(run)) if own == "model" => run,
        (Some(own), _) => own,
        (None, _) => folder.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_by_its_run() {
        let name = |path: &str| model_name(std::path::Path::new(path));
        assert_eq!(
            [name("a/waltzes/model"), name("mine"), name("model")],
            ["waltzes", "mine", "model"]
        );
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_only_if_it_was_asked_for() {
        let taken = listener(Some(0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(listener(Some(port)).unwrap_err().to_string().contains("--port"));
        let (first, second) = (listener(None).unwrap(), listener(None).unwrap());
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }
}
