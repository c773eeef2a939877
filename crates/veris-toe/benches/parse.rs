//! How long it takes to read and check a document of 10,000 steps, beside a typed YAML library that only reads it.
//!
//! `cargo bench -p veris-toe --bench parse`. Rounds are interleaved, and each row is the median of its rounds. With `-- once NAME`
//! one row is run once and nothing is timed: for a machine too busy to time on, `valgrind --tool=callgrind` counts instructions.

#![expect(clippy::print_stdout, reason = "the table is what a bench is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Deserialize;
use veris_toe::check::check_language;
use veris_toe::document::parse;

const STEPS: usize = 10_000;
const ROUNDS: usize = 15;

/// The floor: the same text into the plainest types that can hold it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "a bench reads what it does not use")]
struct Typed {
    name: String,
    schema_version: serde_yaml::Value,
    phases: Vec<TypedPhase>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a bench reads what it does not use")]
struct TypedPhase {
    name: String,
    steps: Vec<TypedStep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "a bench reads what it does not use")]
struct TypedStep {
    name: String,
    action: String,
    timeout_seconds: i64,
    on_failure: String,
    inputs: TypedInputs,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a bench reads what it does not use")]
struct TypedInputs {
    commands: Vec<String>,
}

fn document() -> String {
    let mut text = "name: Long\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n".to_owned();
    for number in 0..STEPS {
        let _ = write!(
            text,
            "      - name: Step{number}\n        action: ExecuteBash\n        timeoutSeconds: 60\n        onFailure: Abort\n        \
             inputs:\n          commands:\n            - |\n              set -euo pipefail\n              echo {number}\n"
        );
    }
    text
}

/// A name for the table, and what is timed.
type Arm = (&'static str, fn(&str));

fn main() {
    let text = document();
    let arms: [Arm; 3] = [
        ("typed YAML alone", |text| drop(black_box(serde_yaml::from_str::<Typed>(text)))),
        ("document::parse", |text| drop(black_box(parse(text, "long.yaml")))),
        ("check::check_language", |text| drop(black_box(check_language(text, "long.yaml")))),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [once, chosen] = &arguments[..]
        && once == "once"
    {
        arms.iter().filter(|(name, _)| name == chosen).for_each(|(_, run)| run(&text));
        return;
    }
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((_, run), times) in arms.iter().zip(&mut times) {
            let begin = Instant::now();
            run(&text);
            times.push(begin.elapsed());
        }
    }
    let medians = times.map(|mut times: Vec<Duration>| {
        times.sort();
        times[ROUNDS / 2].as_secs_f64() * 1000.0
    });
    println!("{STEPS} steps, {} bytes, median of {ROUNDS} interleaved rounds", text.len());
    println!("| what                  |     ms | to the floor |");
    println!("| --------------------- | -----: | -----------: |");
    for ((name, _), median) in arms.iter().zip(medians) {
        println!("| {name:<21} | {median:>6.1} | {:>12.2} |", median / medians[0]);
    }
}
