//! The results of each benchmark as rows of one table.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Area;

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) area: String,
    /// The task and its input.
    pub(super) work: String,
    pub(super) unit: String,
    /// Whether larger values are better.
    pub(super) more_is_better: bool,
    pub(super) threads: Option<u64>,
    pub(super) ours: f64,
    pub(super) peer: Option<f64>,
    pub(super) peer_name: Option<String>,
    /// Our result relative to the reference: above 1 is better.
    pub(super) ratio: Option<f64>,
    pub(super) goal: Option<f64>,
}

impl Row {
    /// A result without a reference, for which smaller values are better.
    pub(super) fn alone(area: Area, work: String, unit: &str, ours: f64) -> Self {
        Self {
            area: area.name().to_owned(),
            work,
            unit: unit.to_owned(),
            more_is_better: false,
            threads: None,
            ours,
            peer: None,
            peer_name: None,
            ratio: None,
            goal: None,
        }
    }
}

pub(super) fn gmm_row(value: &Value) -> Option<Row> {
    let peer_name = value["peer_name"].as_str()?;
    let problem = value["problem"].as_str()?;
    // Whole fits are timed in one type only.
    let (work, is_main) = match value["dtype"].as_str() {
        Some(dtype) => (
            format!("EM iteration, {problem}, {dtype}"),
            peer_name == "scikit-learn" && dtype == "float64",
        ),
        None => (format!("default fit, {problem}"), true),
    };
    Some(Row {
        area: "gmm".to_owned(),
        work,
        unit: "s".to_owned(),
        more_is_better: false,
        threads: value["threads"].as_str()?.parse().ok(),
        ours: value["ours"].as_f64()?,
        peer: value["peer_best"].as_f64().or_else(|| value["peer"].as_f64()),
        peer_name: Some(peer_name.to_owned()),
        ratio: value["ratio"].as_f64(),
        goal: value["goal"].as_f64().filter(|_| is_main),
    })
}

pub(super) fn train_row(value: &Value) -> Option<Row> {
    let full = value["work"].as_str()?;
    let (work, unit) = full.split_once(", ")?;
    Some(Row {
        area: "train".to_owned(),
        work: format!("{work}, {} units", value["units"]),
        unit: unit.to_owned(),
        more_is_better: unit == "sequences/s",
        threads: value["threads"].as_u64(),
        ours: value["ours"].as_f64()?,
        peer: value["peer"].as_f64(),
        peer_name: Some("PyTorch".to_owned()),
        ratio: value["ratio"].as_f64(),
        goal: value["goal"].as_f64(),
    })
}

pub(super) fn corpus_rows(value: &Value) -> Vec<Row> {
    let (Some(files), Some(seconds)) = (value["files"].as_f64(), value["seconds"].as_f64()) else {
        return Vec::new();
    };
    let row = |what: &str, unit: &str, more_is_better, ours| Row {
        threads: value["threads"].as_u64(),
        more_is_better,
        ..Row::alone(
            Area::Corpus,
            format!("{files} files, {}{what}", value["name"].as_str().unwrap_or_default()),
            unit,
            ours,
        )
    };
    let rate = row("", "files/s", true, files / seconds);
    let peak = value["peak_mib"].as_f64().map(|peak| row(", peak memory", "MiB", false, peak));
    std::iter::once(rate).chain(peak).collect()
}

/// The time per decoding step for each number of clients, and the size of the page.
pub(super) fn studio_rows(value: &Value) -> Vec<Row> {
    let row = |work: String, unit: &str, ours: &Value| {
        ours.as_f64().map(|ours| Row::alone(Area::Studio, work, unit, ours))
    };
    let of_clients = |decode: &Value| {
        let clients = decode["clients"].as_u64().unwrap_or_default();
        ["p50", "p99"].map(|share| {
            row(
                format!("decode over HTTP, {clients} clients, {share}"),
                "ms",
                &decode[format!("{share}_ms")],
            )
        })
    };
    let decodes = value["decode"].as_array().into_iter().flatten();
    decodes
        .flat_map(of_clients)
        .chain([row("the page".to_owned(), "bytes", &value["page_bytes"])])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_each_table_is_read() {
        let row = gmm_row(&json!({
            "peer_name": "scikit-learn", "problem": "A", "dtype": "float64", "threads": "2",
            "ours": 0.5, "peer": 3.0, "peer_best": 2.0, "ratio": 4.0, "goal": 12.0,
        }))
        .expect("a row of the mixture's table");
        assert_eq!((row.threads, row.peer, row.goal), (Some(2), Some(2.0), Some(12.0)));
        let row = train_row(&json!({
            "work": "sample one, ms", "units": 512, "threads": 1, "ours": 4.0, "peer": 12.0,
            "ratio": 3.0, "goal": 3.0,
        }))
        .expect("a row of the model's table");
        assert_eq!((row.work.as_str(), row.unit.as_str()), ("sample one, 512 units", "ms"));
        assert!(!row.more_is_better);
        let rows = corpus_rows(&json!({
            "name": "made", "threads": 2, "files": 100.0, "seconds": 4.0, "peak_mib": 90.0,
        }));
        assert_eq!(rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [25.0, 90.0]);
        let rows = studio_rows(&json!({
            "page_bytes": 250_000.0, "decode": [{ "clients": 8, "p50_ms": 19.0, "p99_ms": 32.0 }],
        }));
        assert_eq!(rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [19.0, 32.0, 250_000.0]);
    }
}
