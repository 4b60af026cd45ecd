//! The dials: how far the music moves, compared with the requested shift.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::Client;
use super::map::spearman;
use super::server::Server;
use crate::process::answer;

/// Number of windows to shift, and the shifts, in standard deviations of the training music.
const N_WINDOWS: u64 = 16;
const ASKED: [f64; 7] = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0];
/// Numbers of versions to choose among: that of a plain shift of latents, and that of the page.
const CANDIDATES: [usize; 2] = [1, 16];
const TEMPERATURE: f64 = 0.5;
/// Goal: the rank correlation of requested and measured shifts.
const GOAL: f64 = 0.95;

/// Measures all dials.
pub(super) fn run(server: &Server) -> Result<Value> {
    let mut client = Client::connect(server.socket())?;
    let model = client.get_json("/api/v1/model")?;
    let n_windows = model["n_windows"].as_u64().context("the model has no windows")?;
    let attributes = model["attributes"].as_array().context("the model has no attributes")?;
    let mut windows = Vec::new();
    for number in 0..N_WINDOWS {
        let index = number * n_windows / N_WINDOWS;
        windows.push(client.get_json(&format!("/api/v1/windows/{index}"))?["window"].clone());
    }
    answer(&format!(
        "dials: Spearman of what is asked of {N_WINDOWS} windows ({ASKED:?} standard deviations) and \
         how far they moved, by versions chosen among (goal: {GOAL})"
    ));
    let mut figures = json!({});
    let mut reached = 0;
    for attribute in attributes {
        let name = attribute["name"].as_str().context("an attribute without a name")?;
        let mut found = Vec::new();
        for n_candidates in CANDIDATES {
            let (mut asked, mut moved) = (Vec::new(), Vec::new());
            for (seed, window) in windows.iter().enumerate() {
                for by in ASKED {
                    let body = json!({
                        "z": [window["z"]], "windows": [window["tokens"]],
                        "attributes": [{ "name": name, "by": by }],
                        "candidates": n_candidates, "temperature": TEMPERATURE, "seed": seed,
                    });
                    let reply = client.post_json("/api/v1/attributes", &body)?;
                    if let Some(by_now) = reply["moved"][0].as_f64() {
                        asked.push(by);
                        moved.push(by_now);
                    }
                }
            }
            found.push(spearman(&asked, &moved));
        }
        let [plain, chosen] = [found[0], found[1]];
        reached += usize::from(chosen >= GOAL);
        answer(&format!("  {name:12} {plain:6.2} of one version, {chosen:6.2} of sixteen"));
        figures[name] = json!({ "plain": plain, "chosen": chosen });
    }
    answer(&format!("  {reached} of {} dials reach {GOAL}", attributes.len()));
    Ok(figures)
}
