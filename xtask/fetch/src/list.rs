//! `cargo xtask fetch --list`: the available data sets as a table.

use super::manifest::{DataSet, Manifest, Terms};
use super::meter::bytes as readable;
use super::store::{Present, Store};

/// The lines of the table.
pub(crate) fn lines(manifest: &Manifest, store: &Store) -> Vec<String> {
    let head =
        ["name", "kind", "size", "checked by", "terms", "", "description"].map(str::to_owned);
    let rows: Vec<[String; 7]> =
        std::iter::once(head).chain(manifest.datasets.iter().map(|set| row(set, store))).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.push(String::new());
    lines.push(
        "checked by pin: no hash is published, so that of the first download is kept in pins.toml"
            .to_owned(),
    );
    lines.push("terms non-commercial: add --accept-license".to_owned());
    lines
}

fn row(set: &DataSet, store: &Store) -> [String; 7] {
    let size = match set.bytes() {
        Some((bytes, true)) => readable(bytes),
        Some((bytes, false)) => format!("~{}", readable(bytes)),
        None => "?".to_owned(),
    };
    let checked = match (set.is_verifiable(), &set.files[..]) {
        (false, _) => "pin",
        (true, [only]) => only.expected().strongest().unwrap_or("pin"),
        (true, _) => "hashes",
    };
    let terms = match set.terms {
        Terms::Open => set.license.split(' ').next().unwrap_or_default(),
        Terms::NonCommercial => "non-commercial",
        Terms::Unstated => "not stated",
    };
    let here = match store.present(set) {
        Ok(Present::Yes(_)) => "here",
        Ok(Present::No) => "",
        Err(_) => "in the way",
    };
    [&set.name, &set.kind, &size, checked, terms, here, &set.title].map(str::to_owned)
}
