//! The program `controlgen`: arguments in, results out. Everything else is in the libraries.

mod about;
mod args;
mod commands;
mod interrupt;
mod output;
mod progress;
mod resolve;

use std::process::ExitCode;

use args::Cli;

/// A training step allocates and frees tens of megabytes; the system's allocator returns them and
/// requests them again, page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Wrong usage ends the program here, with exit code 2.
    let cli = Cli::typed();
    output::init_logging(cli.global.verbose, cli.global.quiet);
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            match error.downcast_ref::<interrupt::Interrupted>() {
                Some(_) => ExitCode::from(interrupt::EXIT_CODE),
                None => ExitCode::FAILURE,
            }
        }
    }
}
