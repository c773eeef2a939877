//! Histories of two operators, of faults and of hand-made changes, drawn from a seed and held against a model of what may be.
//!
//! A seed fixes all of it: what is done, which call a fault meets, and whose turn it is of two. `VERIS_HISTORIES=0..2000` runs the
//! histories of these seeds; one seed alone, `VERIS_HISTORIES=17`, runs the same again, and tells each step.

mod draw;
mod luck;
mod model;
mod told;
mod turns;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Runtime;
use veris::commands::launch::Launch;

use self::draw::{Command, Step, draw};
use self::luck::{Conduct, Luck, settle};
use self::model::{Ended, Model, Watch};
use self::told::masked;
use self::turns::Turn;
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

#[test]
fn no_history_of_two_operators_breaks_a_promise() {
    let (seeds, began) = (seeds(), Instant::now());
    let is_alone = seeds.end - seeds.start == 1;
    let ended = each(seeds, |runtime, seed| history(runtime, seed, is_alone));
    let commands: usize = ended.iter().map(|ended| ended.commands).sum();
    let failed: usize = ended.iter().map(|ended| ended.failed).sum();
    println!(
        "{} histories, {commands} commands, {failed} of them failed or were refused, 0 violations, {:.0} s",
        ended.len(),
        began.elapsed().as_secs_f64()
    );
}

/// At the same time and beside others, so that nothing takes as long as it did before.
#[test]
fn a_seed_runs_the_same_again() {
    let pairs = each(seeds(), |runtime, seed| {
        let (one, again) = std::thread::scope(|threads| {
            let again = threads.spawn(|| history(runtime, seed, false));
            (history(runtime, seed, false), again.join().unwrap())
        });
        Some((seed, one?.told, again?.told))
    });
    let differ: Vec<u64> = pairs.iter().filter(|(_, one, again)| one != again).map(|(seed, ..)| *seed).collect();
    for (seed, one, again) in pairs.iter().filter(|(_, one, again)| one != again) {
        println!("VERIS_HISTORIES={seed}:\n{}\n\nand again:\n{}\n", one.join("\n"), again.join("\n"));
    }
    assert!(differ.is_empty(), "of {} seeds, these ran otherwise the second time: {differ:?}", pairs.len());
}

/// What `run` makes of each seed, several at a time: most of a history is waiting.
fn each<T: Send>(seeds: Range<u64>, run: impl Fn(&Runtime, u64) -> Option<T> + Sync) -> Vec<T> {
    let runtime = Runtime::new().unwrap();
    let at_once = 3 * std::thread::available_parallelism().map_or(1, usize::from);
    let (seeds, ended) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    let next = || seeds.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|threads| {
        for _ in 0..at_once {
            threads.spawn(|| {
                while let Some(seed) = next() {
                    let it = run(&runtime, seed);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).extend(it);
                }
            });
        }
    });
    ended.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What became of a history.
struct Run {
    commands: usize,
    /// How many of them failed.
    failed: usize,
    /// What was done and answered, without what differs from run to run.
    told: Vec<String>,
}

/// `None` where the cloud cannot run.
fn history(runtime: &Runtime, seed: u64, loud: bool) -> Option<Run> {
    let cloud = Cloud::with_versions(&VERSIONS)?;
    Some(History::new(&cloud, runtime, seed).run(loud))
}

#[expect(clippy::print_stdout, reason = "one seed is run to be read")]
fn show(told: &[String]) {
    for line in told {
        println!("{line}");
    }
}

struct History<'a> {
    cloud: &'a Cloud,
    runtime: &'a Runtime,
    seed: u64,
    random: fastrand::Rng,
    /// Whom nothing disturbs; acts by hand as well.
    calm: Operator,
    model: Model,
    told: Arc<Mutex<Vec<String>>>,
}

impl<'a> History<'a> {
    /// After a first launch: from here on clients are served.
    fn new(cloud: &'a Cloud, runtime: &'a Runtime, seed: u64) -> Self {
        let calm = runtime.block_on(async {
            let calm = Operator::of(cloud).await;
            calm.launch(&Launch { timeout: PATIENCE, ..fast("1.0.0") }).await.unwrap();
            calm
        });
        let model = Model::new(cloud);
        Self { cloud, runtime, seed, random: fastrand::Rng::with_seed(seed), calm, model, told: Arc::default() }
    }

    fn run(mut self, loud: bool) -> Run {
        let (mut commands, mut failed, mut shown) = (0, 0, 0);
        for _ in 0..STEPS {
            let step = draw(&mut self.random, &VERSIONS);
            self.tell(format!("{step:?}"));
            let ended = self.step(&step);
            settle(&self.cloud.layout().state());
            self.tell(format!("  {}", told::scene(self.cloud)));
            commands += ended.len();
            failed += ended.iter().filter(|ended| ended.result.is_err()).count();
            if loud {
                let told = self.told();
                show(&told[shown..]);
                shown = told.len();
            }
        }
        self.settle();
        Run { commands, failed, told: masked(&self.told()) }
    }

    fn step(&mut self, step: &Step) -> Vec<Ended> {
        match *step {
            Step::One(command, luck) => {
                let watch = Watch::begin(self.cloud);
                let ended = vec![self.perform("ada", (command, luck), None)];
                self.check(watch, &ended);
                ended
            }
            Step::Both([one, other], order) => {
                let (watch, [first, second]) = (Watch::begin(self.cloud), order.turns());
                let this = &*self;
                let ended = std::thread::scope(|threads| {
                    let ada = threads.spawn(move || this.perform("ada", one, Some(first)));
                    let bob = threads.spawn(move || this.perform("bob", other, Some(second)));
                    vec![ada.join().unwrap(), bob.join().unwrap()]
                });
                self.check(watch, &ended);
                ended
            }
            Step::Hand(hand, which) => {
                let done = self.runtime.block_on(hand.perform(which, self.cloud, &self.calm));
                self.tell(format!("  {done}"));
                Model::by_hand(self.cloud);
                Vec::new()
            }
            Step::Mood(version, mood) => {
                self.mood(version, mood);
                Vec::new()
            }
        }
    }

    fn perform(&self, name: &'static str, (command, luck): (Command, Luck), turn: Option<Turn>) -> Ended {
        let timeout = self.model.timeout(command);
        let turn = turn.inspect(Turn::begin).map(Arc::new);
        let conduct = Conduct::new(self.cloud, name, luck, turn.clone(), Arc::clone(&self.told));
        let result = self.runtime.block_on(async {
            let operator = Operator::disturbed(self.cloud, &conduct.each_call()).await;
            command.perform(&operator, timeout).await
        });
        self.tell(format!("  {name}: {result:?}"));
        // Only now does the other go on, who sees by our process that nobody leads what we have left.
        if let Some(turn) = &turn {
            turn.end();
        }
        Ended { command, luck, result }
    }

    fn mood(&mut self, version: &'static str, mood: &'static str) {
        self.cloud.mood(version, mood);
        self.model.mood(version, mood);
    }

    fn check(&mut self, watch: Watch, ended: &[Ended]) {
        if let Err(violation) = self.model.check(self.cloud, watch, ended) {
            self.fail(&violation, ended);
        }
    }

    /// Whatever happened, one calm launch sets everything right.
    fn settle(&mut self) {
        for version in VERSIONS {
            self.mood(version, "well");
        }
        let args = Launch { force: true, timeout: PATIENCE, ..fast("1.1.0") };
        let violation = match self.runtime.block_on(self.calm.launch(&args)) {
            Ok(launched) => Model::settled(self.cloud, &launched.instance_id).err(),
            Err(error) => Some(format!("a calm launch failed: {}", veris::error::Report::new(&error))),
        };
        if let Some(violation) = violation {
            self.fail(&violation, &[]);
        }
    }

    fn tell(&self, line: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, violation: &str, ended: &[Ended]) -> ! {
        let results: Vec<String> = ended.iter().map(|ended| format!("{ended:?}")).collect();
        let (told, results) = (self.told().join("\n"), results.join("\n"));
        panic!("VERIS_HISTORIES={}: {violation}\n{told}\n{results}\n{}", self.seed, self.cloud.log())
    }
}
