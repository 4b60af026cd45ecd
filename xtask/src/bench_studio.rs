//! `cargo xtask bench studio`: the time of a decoding step over HTTP, the music of places on the
//! map, the dials, and the response to hostile requests.

mod client;
mod dials;
mod hostile;
mod map;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::files::save;
use crate::process::{self, answer, say};
use client::Client;
use server::Server;

/// Goal: maximum time of a step.
const GOAL_MS: f64 = 20.0;
/// Goal: maximum size of the page.
const GOAL_PAGE_BYTES: f64 = 1e6;
/// Goal: maximum relative growth of memory while decoding, which allocators need.
const GOAL_GROWTH: f64 = 0.1;
/// Numbers of simultaneous clients.
const CLIENTS: [usize; 2] = [1, 8];
/// Requests per second of a client that plays: the page asks once per step of a drag.
const PLAYING_RATE: f64 = 15.0;
/// Time before measurements start.
const WARM_UP: Duration = Duration::from_secs(2);
/// Number of different latents that are decoded in turn.
const N_PLACES: usize = 64;

/// Options of the benchmark.
#[derive(Debug, Args)]
pub(crate) struct BenchStudio {
    /// The program to measure [default: build its release]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// The model folder [default: the program's own model]
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Seconds of decoding for each number of clients
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Send hostile requests and print each response, instead of timing
    #[arg(long)]
    hostile: bool,
    /// Compare the music of places on the map with the styles there, instead of timing
    #[arg(long, conflicts_with = "hostile")]
    map: bool,
    /// Compare requested with measured shifts of the dials, instead of timing
    #[arg(long, conflicts_with_all = ["hostile", "map"])]
    dials: bool,
    /// Also write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &BenchStudio) -> Result<()> {
    let program = process::controlgen(args.program.as_deref())?;
    let server = Server::start(&program, args.model.as_deref())?;
    say(&format!("serving at {}", server.address()));
    let figures = match args {
        BenchStudio { hostile: true, .. } => hostile::run(&server)?,
        BenchStudio { map: true, .. } => map::run(&server)?,
        BenchStudio { dials: true, .. } => dials::run(&server)?,
        _ => latency(&server, args.seconds)?,
    };
    save(args.json.as_deref(), &figures)
}

/// Measures decoding.
fn latency(server: &Server, seconds: f64) -> Result<Value> {
    let length = Duration::try_from_secs_f64(seconds)
        .context("the number of seconds is not a valid duration")?;
    let requests = [("decode", bodies(server)?), ("place", map::bodies(server)?)];
    let page = server.page_bytes();
    answer(&format!(
        "page: {:.0} kB in all (goal: below {:.0} kB)",
        page / 1e3,
        GOAL_PAGE_BYTES / 1e3
    ));
    answer(&format!(
        "request  clients  requests  requests/s  p50 ms  p99 ms  max ms   MiB before  after  \
         (goals: below {GOAL_MS} ms per step, constant memory)"
    ));
    let mut figures = json!({ "page_bytes": page });
    for (what, bodies) in requests {
        let path = format!("/api/v1/{what}");
        post(server, &path, &bodies, (1, None), WARM_UP)?;
        let mut rows = Vec::new();
        let loads = CLIENTS.map(|clients| (clients, None));
        let playing = (CLIENTS[1], Some(Duration::from_secs_f64(1.0 / PLAYING_RATE)));
        for (clients, every) in loads.into_iter().chain([playing]) {
            let before = server.memory_mib()?;
            let started = Instant::now();
            let mut times = post(server, &path, &bodies, (clients, every), length)?;
            let elapsed = started.elapsed().as_secs_f64();
            let after = server.memory_mib()?;
            times.sort_by(f64::total_cmp);
            ensure!(!times.is_empty(), "nothing was decoded in {seconds} s");
            let at = |share: f64| quantile(&times, share);
            let (p50, p99, most) = (at(0.5), at(0.99), at(1.0));
            let rate = times.len() as f64 / elapsed;
            let playing = every.map(|_| format!(", {PLAYING_RATE}/s each")).unwrap_or_default();
            answer(&format!(
                "{what:7}  {clients:7}  {:8}  {rate:10.1}  {p50:6.2}  {p99:6.2}  {most:7.1}  \
                 {before:10.1}  {after:5.1}  {}{playing}",
                times.len(),
                verdict(p99, before, after),
            ));
            rows.push(json!({
                "clients": clients, "requests_per_second_and_client": every.map(|_| PLAYING_RATE),
                "requests": times.len(), "requests_per_second": rate,
                "p50_ms": p50, "p99_ms": p99, "max_ms": most, "memory_before_mib": before,
                "memory_after_mib": after,
            }));
        }
        figures[what] = rows.into();
    }
    Ok(figures)
}

fn verdict(p99: f64, before: f64, after: f64) -> &'static str {
    match (p99 < GOAL_MS, after <= before * (1.0 + GOAL_GROWTH)) {
        (true, true) => "reached",
        (false, true) => "TOO SLOW",
        (true, false) => "MEMORY GREW",
        (false, false) => "TOO SLOW, MEMORY GREW",
    }
}

/// The quantile `share` of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_sign_loss, reason = "a fraction of a count")]
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted[at.clamp(1, sorted.len()) - 1]
}

/// Requests to decode, each with different latents.
fn bodies(server: &Server) -> Result<Vec<String>> {
    let mut client = Client::connect(server.socket())?;
    let model = client.get_json("/api/v1/model")?;
    let n_windows = model["n_windows"].as_u64().context("the model has no windows")?;
    let mut bodies = Vec::new();
    for number in 0..N_PLACES as u64 {
        let index = number * n_windows / N_PLACES as u64;
        let window = client.get_json(&format!("/api/v1/windows/{index}"))?;
        let z = &window["window"]["z"];
        bodies.push(json!({ "z": [z], "temperature": 0.5, "seed": number }).to_string());
    }
    Ok(bodies)
}

/// Milliseconds of each request, with several clients that each send one request after the other
/// for a given time: at once or, if `every` is given, at least so long after the one before.
fn post(
    server: &Server,
    path: &str,
    bodies: &[String],
    (clients, every): (usize, Option<Duration>),
    length: Duration,
) -> Result<Vec<f64>> {
    let until = Instant::now() + length;
    let client = |first: usize| -> Result<Vec<f64>> {
        let mut client = Client::connect(server.socket())?;
        let mut times = Vec::new();
        for body in bodies.iter().cycle().skip(first) {
            let asked = Instant::now();
            if asked >= until {
                break;
            }
            let reply = client.post(path, "application/json", body.as_bytes())?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            if reply.status != 200 {
                bail!("{path} returned status {}: {}", reply.status, reply.text());
            }
            if let Some(rest) = every.and_then(|every| every.checked_sub(asked.elapsed())) {
                std::thread::sleep(rest);
            }
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|number| {
                let client = &client;
                scope.spawn(move || client(number * N_PLACES / clients))
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(times) => all.extend(times?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| quantile(&sorted, share)), [100.0, 198.0, 200.0]);
        assert_eq!(quantile(&[7.0], 0.5), 7.0);
    }
}
