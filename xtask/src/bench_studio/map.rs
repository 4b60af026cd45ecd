//! The music of places on the map: whether it has the style at that place, how it compares with
//! real music, and how it changes as the place moves.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;
use crate::process::answer;

/// The page's initial seed, and its temperature.
const SEED: u64 = 1;
const TEMPERATURE: f64 = 0.5;
/// The projections with music at each place.
const PROJECTIONS: [&str; 2] = ["lda", "pca"];
/// Number of real windows of each style.
const N_REAL: usize = 16;
/// Radius, in standard deviations, and number of places around the center of each ellipse.
const RADIUS: f64 = 0.5;
const N_AROUND: usize = 3;
/// Distances from the center of an ellipse, in standard deviations, and number of directions.
const STEPS: [f64; 11] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0];
const N_DIRECTIONS: usize = 2;
/// Goals: the fraction of ellipses whose style is recognized (22 of 24), the relative difference of
/// distinct pitches from real windows, and the rank correlation of distances.
const GOAL_RIGHT: f64 = 22.0 / 24.0;
const GOAL_PITCHES: f64 = 0.2;
const GOAL_CORRELATION: f64 = 0.8;

/// Bodies of requests for single places, for measuring their time: around the ellipses, whose
/// windows have been selected by an earlier request.
pub(super) fn bodies(server: &Server) -> Result<Vec<String>> {
    let mut maps = Maps { client: Client::connect(server.socket())? };
    let map = maps.get("/map?projection=lda")?;
    let ellipses = Ellipse::all(&map)?;
    let places: Vec<[f64; 2]> = ellipses.iter().map(|ellipse| ellipse.middle).collect();
    maps.windows("lda", &places)?;
    let moved = |number: usize| {
        let [x, y] = ellipses[number % ellipses.len()].at(0.2, number as f64);
        let map = json!({ "projection": "lda" });
        json!({
            "map": map, "places": [[x, y]], "measure": false,
            "temperature": TEMPERATURE, "seed": SEED,
        })
        .to_string()
    };
    Ok((0..super::N_PLACES).map(moved).collect())
}

/// Measures all maps.
pub(super) fn run(server: &Server) -> Result<Value> {
    let mut maps = Maps { client: Client::connect(server.socket())? };
    let mut figures = json!({});
    for projection in PROJECTIONS {
        figures[projection] = maps.measure(projection)?;
    }
    Ok(figures)
}

struct Maps {
    client: Client,
}

/// An ellipse with a radius of one standard deviation.
struct Ellipse {
    style: usize,
    middle: [f64; 2],
    axes: [f64; 2],
    angle: f64,
}

impl Ellipse {
    fn all(map: &Value) -> Result<Vec<Self>> {
        let ellipses = map["ellipses"].as_array().context("the map has no ellipses")?;
        let number = |value: &Value| value.as_f64().context("an ellipse without numbers");
        let ellipse = |value: &Value| -> Result<Self> {
            Ok(Self {
                style: usize::try_from(value["style"].as_u64().context("without a style")?)?,
                middle: [number(&value["x"])?, number(&value["y"])?],
                axes: [number(&value["axes"][0])?, number(&value["axes"][1])?],
                angle: number(&value["angle"])?,
            })
        };
        ellipses.iter().map(ellipse).collect()
    }

    /// The place `radius` standard deviations from the center in a direction, in radians.
    fn at(&self, radius: f64, direction: f64) -> [f64; 2] {
        let (long, short) =
            (radius * self.axes[0] * direction.cos(), radius * self.axes[1] * direction.sin());
        let (sine, cosine) = self.angle.sin_cos();
        [
            self.middle[0] + long * cosine - short * sine,
            self.middle[1] + long * sine + short * cosine,
        ]
    }
}

impl Maps {
    fn get(&mut self, path: &str) -> Result<Value> {
        self.client.get_json(&format!("/api/v1{path}"))
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.client.post_json(&format!("/api/v1{path}"), body)
    }

    /// The music of places.
    fn windows(&mut self, projection: &str, places: &[[f64; 2]]) -> Result<Vec<Value>> {
        let body = json!({
            "map": { "projection": projection }, "places": places,
            "temperature": TEMPERATURE, "seed": SEED,
        });
        let mut reply = self.post("/place", &body)?;
        serde_json::from_value(reply["windows"].take()).context("no windows")
    }

    fn measure(&mut self, projection: &str) -> Result<Value> {
        let styles = self.get("/styles")?;
        let map = self.get(&format!("/map?projection={projection}"))?;
        let ellipses = Ellipse::all(&map)?;
        let n = ellipses.len();
        ensure!(n > 0, "the map has no ellipses");
        let own = |window: &Value, style: usize| -> (bool, f64) {
            let id = styles[style]["id"].as_str().unwrap_or_default();
            let shares = &window["memberships"];
            let share = shares[id].as_f64().unwrap_or(0.0);
            let largest = shares.as_object().into_iter().flat_map(serde_json::Map::values);
            let largest = largest.filter_map(Value::as_f64).fold(0.0, f64::max);
            (share > 0.0 && share >= largest, share)
        };
        let middles: Vec<[f64; 2]> = ellipses.iter().map(|ellipse| ellipse.middle).collect();
        let windows = self.windows(projection, &middles)?;
        let judged: Vec<(bool, f64)> =
            windows.iter().zip(&ellipses).map(|(window, e)| own(window, e.style)).collect();
        let right = judged.iter().filter(|(is_right, _)| *is_right).count();
        let membership = mean(judged.iter().map(|(_, share)| *share));
        let pitches = mean(windows.iter().map(n_pitches));
        let real = self.real_pitches(projection, &ellipses)?;

        let around: Vec<(usize, [f64; 2])> = ellipses
            .iter()
            .flat_map(|e| (0..N_AROUND).map(move |i| (e, i)))
            .map(|(e, i)| {
                (e.style, e.at(RADIUS, std::f64::consts::TAU * i as f64 / N_AROUND as f64))
            })
            .collect();
        let places: Vec<[f64; 2]> = around.iter().map(|(_, place)| *place).collect();
        let near = self.windows(projection, &places)?;
        let near_right =
            near.iter().zip(&around).filter(|(window, (style, _))| own(window, *style).0).count();

        let rays = self.rays(projection, &ellipses)?;
        let correlation = mean(rays.iter().map(|distances| spearman(&STEPS, distances)));
        let means: Vec<f64> =
            (0..STEPS.len()).map(|i| mean(rays.iter().map(|distances| distances[i]))).collect();
        let of_means = spearman(&STEPS, &means);

        let verdict = |is_reached: bool| if is_reached { "reached" } else { "NOT REACHED" };
        answer(&format!("map {projection}, seed {SEED}, temperature {TEMPERATURE}"));
        answer(&format!(
            "  in the middle of {n} ellipses: their style {right} times (goal: {:.0})  {}",
            (GOAL_RIGHT * n as f64).ceil(),
            verdict(right as f64 >= GOAL_RIGHT * n as f64),
        ));
        answer(&format!("  measured membership there: {membership:.2} on average"));
        answer(&format!(
            "  distinct pitches there: {pitches:.1}, of real windows {real:.1} (goal: within {:.0} \
             %)  {}",
            100.0 * GOAL_PITCHES,
            verdict((pitches / real - 1.0).abs() <= GOAL_PITCHES),
        ));
        answer(&format!(
            "  {RADIUS} standard deviations from the middle: the style of that ellipse \
             {near_right} of {} times (ellipses overlap)",
            around.len(),
        ));
        answer(&format!(
            "  Spearman of the distance on the map and of the music (its encoded latents), along \
             {} rays: {correlation:.2} on average, {of_means:.2} of the means (goal: \
             {GOAL_CORRELATION})  {}",
            rays.len(),
            verdict(correlation >= GOAL_CORRELATION),
        ));
        Ok(json!({
            "ellipses": n, "right": right, "membership": membership, "pitches": pitches,
            "real_pitches": real, "right_around": near_right, "places_around": around.len(),
            "spearman": correlation, "spearman_of_means": of_means, "distances": means,
        }))
    }

    /// The mean number of distinct pitches of real windows, with equal weight for each style.
    fn real_pitches(&mut self, projection: &str, ellipses: &[Ellipse]) -> Result<f64> {
        let bytes =
            self.client.get_bytes(&format!("/api/v1/map/points?projection={projection}"))?;
        let style = |row: &[u8; 12]| u32::from_le_bytes([row[8], row[9], row[10], row[11]]);
        let styles: Vec<u32> = bytes.as_chunks().0.iter().map(style).collect();
        let mut means = Vec::new();
        for ellipse in ellipses {
            let rows: Vec<usize> =
                (0..styles.len()).filter(|row| styles[*row] as usize == ellipse.style).collect();
            let mut counts = Vec::new();
            for i in 0..N_REAL.min(rows.len()) {
                let row = rows[i * rows.len() / N_REAL.min(rows.len())];
                counts.push(n_pitches(&self.get(&format!("/windows/{row}"))?["window"]));
            }
            if !counts.is_empty() {
                means.push(mean(counts.into_iter()));
            }
        }
        Ok(mean(means.into_iter()))
    }

    /// Distances of the music from that at the center of ellipses, at [`STEPS`] in some directions
    /// from each.
    fn rays(&mut self, projection: &str, ellipses: &[Ellipse]) -> Result<Vec<Vec<f64>>> {
        let mut rays = Vec::new();
        for ellipse in ellipses {
            for i in 0..N_DIRECTIONS {
                let direction = 0.7 + std::f64::consts::TAU * i as f64 / N_DIRECTIONS as f64;
                let mut places = vec![ellipse.middle];
                places.extend(STEPS.iter().map(|step| ellipse.at(*step, direction)));
                let windows = self.windows(projection, &places)?;
                let tokens: Vec<Value> =
                    windows.iter().map(|window| json!({ "tokens": window["tokens"] })).collect();
                let encoded = self.post("/encode", &json!({ "windows": tokens }))?;
                let latents: Vec<Vec<f64>> = (0..places.len())
                    .map(|i| serde_json::from_value(encoded["windows"][i]["z"].clone()))
                    .collect::<Result<_, _>>()?;
                let distance = |other: &Vec<f64>| {
                    let pairs = other.iter().zip(&latents[0]);
                    pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
                };
                rays.push(latents[1..].iter().map(distance).collect());
            }
        }
        Ok(rays)
    }
}

fn n_pitches(window: &Value) -> f64 {
    let notes = window["notes"].as_array().into_iter().flatten();
    notes.filter_map(|note| note["pitch"].as_u64()).collect::<BTreeSet<_>>().len() as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    sum / f64::from(n.max(1))
}

/// Spearman's rank correlation; equal values share the mean of their ranks. 0 if all are equal.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let below = |value: &f64| values.iter().filter(|other| *other < value).count() as f64;
        let equal = |value: &f64| values.iter().filter(|other| *other == value).count() as f64;
        values.iter().map(|value| below(value) + (equal(value) - 1.0) / 2.0).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len().max(1) - 1) as f64 / 2.0;
    let moment = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    let scale = (moment(&a, &a) * moment(&b, &b)).sqrt();
    if scale > 0.0 { moment(&a, &b) / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_counts_order_alone() {
        assert_eq!(spearman(&[1.0, 2.0, 9.0], &[0.1, 0.2, 0.3]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 9.0], &[3.0, 2.0, 1.0]), -1.0);
        // Ranks 0, 1, 2, 3 and 0.5, 0.5, 2, 3: 4.5 / √(5 · 4.5).
        let found = spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 2.0, 5.0]);
        assert!((found - 4.5 / (5.0_f64 * 4.5).sqrt()).abs() < 1e-12, "{found}");
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, 1.0]), 0.0);
    }

    #[test]
    fn places_of_an_ellipse_turn_with_it() {
        let quarter = std::f64::consts::FRAC_PI_2;
        let ellipse = Ellipse { style: 0, middle: [1.0, 2.0], axes: [3.0, 1.0], angle: quarter };
        let [x, y] = ellipse.at(0.5, 0.0);
        assert!((x - 1.0).abs() < 1e-12 && (y - 3.5).abs() < 1e-12, "{x} {y}");
    }
}
