//! The program `controlgen`: arguments in, results out. Everything else is in the libraries.

mod args;
mod commands;
mod output;
mod progress;
mod resolve;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;

fn main() -> ExitCode {
    // A wrong use ends here, with exit code 2.
    let cli = Cli::parse();
    output::init_logging(cli.global.verbose, cli.global.quiet);
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}
