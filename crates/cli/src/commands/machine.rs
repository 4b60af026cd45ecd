//! `completions` and `man`: shell completions and man pages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap_mangen::Man;
use serde::Serialize;

use super::Context;
use crate::args::{Cli, CompletionsArgs, ManArgs};

#[derive(Serialize)]
struct Completions {
    shell: String,
    script: String,
}

pub(super) fn completions(context: &Context, args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::definition(), "controlgen", &mut script);
    let script = String::from_utf8(script).context("the completions are not text")?;
    let answer = Completions { shell: args.shell.to_string(), script };
    context.output.text(&answer, &answer.script)
}

#[derive(Serialize)]
struct Pages {
    #[serde(with = "corpus::path_text")]
    folder: PathBuf,
    pages: Vec<String>,
}

pub(super) fn man(context: &Context, args: &ManArgs) -> anyhow::Result<()> {
    let mut program = Cli::definition().disable_help_subcommand(true);
    // Sets the full name of each command, for example `controlgen corpus build`, and the global
    // options.
    program.build();
    let mut pages = Vec::new();
    collect(program, &mut pages)?;
    for (name, page) in &pages {
        context.overwrite.write(&args.out.join(name), page)?;
    }
    let pages = pages.into_iter().map(|(name, _)| name).collect();
    let answer = Pages { folder: args.out.clone(), pages };
    context.output.result(&answer, || {
        vec![format!("{} pages in {}", answer.pages.len(), answer.folder.display())]
    })
}

/// Adds the page of a command, followed by those of its subcommands.
fn collect(command: clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    let below: Vec<clap::Command> =
        command.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    below.into_iter().try_for_each(|command| collect(command, pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn every_command_has_a_page() {
        let mut program = Cli::definition().disable_help_subcommand(true);
        program.build();
        let mut pages = Vec::new();
        collect(program, &mut pages).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[0], "controlgen.1");
        for name in ["controlgen-corpus.1", "controlgen-corpus-build.1", "controlgen-doctor.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
        let (_, page) = pages.iter().find(|(name, _)| name == "controlgen-generate.1").unwrap();
        let page = String::from_utf8(page.clone()).unwrap();
        assert!(page.contains(".TH controlgen-generate 1"), "{page}");
        // Its own options and the global ones.
        assert!(page.contains("temperature") && page.contains("threads"), "{page}");
    }

    #[test]
    fn every_shell_gets_the_commands() {
        use clap_complete::Shell::{Bash, Elvish, Fish, PowerShell, Zsh};
        for shell in [Bash, Elvish, Fish, PowerShell, Zsh] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::definition(), "controlgen", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("interpolate") && script.contains("doctor"), "{shell}");
        }
    }
}
