//! Histories of two operators, of faults and of hand-made changes, drawn from a seed and held against a model of what may be.
//!
//! `VERIS_HISTORIES=0..2000` runs the histories of these seeds; one seed alone, `VERIS_HISTORIES=17`, draws the same again, and
//! tells each step. What becomes of it depends on when things happen as well: which call a fault meets, and who of two is faster.

mod draw;
mod model;

use std::ops::Range;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use veris::commands::launch::Launch;

use self::draw::{Command, Luck, Step, draw};
use self::model::{Ended, Model, Watch};
use super::operator::{Operator, fast};
use crate::stand_in::Cloud;

const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "1.2.0"];

/// Steps of one history.
const STEPS: usize = 8;

/// In seconds, for what must become healthy: a busy machine breaks no promise.
const PATIENCE: u64 = 120;

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("VERIS_HISTORIES") else { return 0..3 };
    let (first, end) = asked.split_once("..").unwrap_or((&asked, ""));
    let first = first.parse().unwrap();
    first..end.parse().unwrap_or(first + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_history_of_two_operators_breaks_a_promise() {
    let (seeds, began) = (seeds(), Instant::now());
    let count = seeds.end - seeds.start;
    // Most of a history is waiting.
    let at_once = 3 * std::thread::available_parallelism().map_or(1, usize::from);
    let histories = stream::iter(seeds).map(|seed| history(seed, count == 1)).buffer_unordered(at_once);
    let ended: Vec<(usize, usize)> = histories.filter_map(async |ended| ended).collect().await;
    let steps: usize = ended.iter().map(|(steps, _)| steps).sum();
    let failed: usize = ended.iter().map(|(_, failed)| failed).sum();
    println!(
        "{} histories, {steps} commands, {failed} of them failed or were refused, 0 violations, {:.0} s",
        ended.len(),
        began.elapsed().as_secs_f64()
    );
}

/// How many commands were given, and how many of them failed; `None` where the cloud cannot run.
async fn history(seed: u64, loud: bool) -> Option<(usize, usize)> {
    let cloud = tokio::task::block_in_place(|| Cloud::with_versions(&VERSIONS))?;
    let history = Box::pin(History::new(&cloud, seed)).await;
    Some(Box::pin(history.run(loud)).await)
}

struct History<'a> {
    cloud: &'a Cloud,
    seed: u64,
    random: fastrand::Rng,
    /// Whom nothing disturbs; acts by hand as well.
    calm: Operator,
    model: Model,
    told: Vec<String>,
}

impl<'a> History<'a> {
    /// After a first launch: from here on clients are served.
    async fn new(cloud: &'a Cloud, seed: u64) -> Self {
        let calm = Operator::of(cloud).await;
        calm.launch(&Launch { timeout: PATIENCE, ..fast("1.0.0") }).await.unwrap();
        let model = Model::new(cloud);
        Self { cloud, seed, random: fastrand::Rng::with_seed(seed), calm, model, told: Vec::new() }
    }

    async fn run(mut self, loud: bool) -> (usize, usize) {
        let (mut commands, mut failed) = (0, 0);
        for _ in 0..STEPS {
            let step = draw(&mut self.random, &VERSIONS);
            self.tell(format!("{step:?}"), loud);
            let ended = match step {
                Step::One(command, luck) => vec![self.command(command, luck).await],
                Step::Both(one, other) => {
                    let watch = Watch::begin(self.cloud);
                    let (one, other) = tokio::join!(self.perform(one.0, one.1), self.perform(other.0, other.1));
                    let ended = vec![one, other];
                    self.check(watch, &ended);
                    ended
                }
                Step::Hand(hand) => {
                    let done = hand.perform(self.cloud, &self.calm, &mut self.random).await;
                    self.tell(format!("  {done}"), loud);
                    Model::by_hand(self.cloud);
                    Vec::new()
                }
                Step::Mood(version, mood) => {
                    self.cloud.mood(version, mood);
                    self.model.mood(version, mood);
                    Vec::new()
                }
            };
            commands += ended.len();
            for ended in ended {
                failed += usize::from(ended.result.is_err());
                self.tell(format!("  {:?}", ended.result), loud);
            }
        }
        self.settle().await;
        (commands, failed)
    }

    async fn command(&mut self, command: Command, luck: Luck) -> Ended {
        let watch = Watch::begin(self.cloud);
        let ended = self.perform(command, luck).await;
        self.check(watch, std::slice::from_ref(&ended));
        ended
    }

    async fn perform(&self, command: Command, luck: Luck) -> Ended {
        let operator = Operator::disturbed(self.cloud, &luck.each_call()).await;
        let result = command.perform(&operator, self.model.timeout(command)).await;
        Ended { command, luck, result }
    }

    fn check(&mut self, watch: Watch, ended: &[Ended]) {
        if let Err(violation) = self.model.check(self.cloud, watch, ended) {
            self.fail(&violation, ended);
        }
    }

    /// Whatever happened, one calm launch sets everything right.
    async fn settle(&mut self) {
        for version in VERSIONS {
            self.cloud.mood(version, "well");
            self.model.mood(version, "well");
        }
        let launched = self.calm.launch(&Launch { force: true, timeout: PATIENCE, ..fast("1.1.0") }).await;
        let violation = match launched {
            Ok(launched) => Model::settled(self.cloud, &launched.instance_id).err(),
            Err(error) => Some(format!("a calm launch failed: {}", veris::error::Report::new(&error))),
        };
        if let Some(violation) = violation {
            self.fail(&violation, &[]);
        }
    }

    fn tell(&mut self, line: String, loud: bool) {
        if loud {
            #[expect(clippy::print_stdout, reason = "one seed is run to be read")]
            {
                println!("{line}");
            }
        }
        self.told.push(line);
    }

    fn fail(&self, violation: &str, ended: &[Ended]) -> ! {
        let results: Vec<String> = ended.iter().map(|ended| format!("{ended:?}")).collect();
        let (told, results) = (self.told.join("\n"), results.join("\n"));
        panic!("VERIS_HISTORIES={}: {violation}\n{told}\n{results}\n{}", self.seed, self.cloud.log())
    }
}
