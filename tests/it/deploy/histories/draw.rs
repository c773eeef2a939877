//! What happens next, drawn.

use fastrand::Rng;
use veris::commands::launch::Launch;
use veris::commands::promote::Promote;
use veris::error::Report;
use veris::exit_status::ExitStatus;
use veris::ledger::Keep;

use super::luck::Luck;
use super::turns::Order;
use crate::deploy::operator::{Operator, fast, promote};
use crate::stand_in::Cloud;

#[derive(Debug, Clone)]
pub(super) enum Step {
    One(Command, Luck),
    /// Two operators at the same time.
    Both([(Command, Luck); 2], Order),
    /// Done to one of those that it can be done to; the number tells which.
    Hand(Hand, usize),
    Mood(&'static str, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Launch { version: &'static str, keep: Keep, promote: bool, force: bool },
    Promote { force: bool },
    RollBack { version: Option<&'static str>, force: bool },
}

/// What somebody does without the tool, to an instance that is not behind the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    PutBehindTheAddress,
    Stop,
    Terminate,
}

pub(super) fn draw(random: &mut Rng, versions: &[&'static str]) -> Step {
    match random.u32(..20) {
        0..12 => Step::One(command(random, versions), Luck::draw(random)),
        12..15 => {
            let mut one = || (command(random, versions), Luck::draw(random).survivable());
            let both = [one(), one()];
            Step::Both(both, Order { seed: random.u64(..), one_in: choose(random, &[1, 2, 4, 10]) })
        }
        15..18 => {
            let hand = choose(random, &[Hand::PutBehindTheAddress, Hand::Stop, Hand::Terminate]);
            Step::Hand(hand, random.usize(..60))
        }
        _ => Step::Mood(
            choose(random, versions),
            choose(random, &["well", "sick", "sick through the address", "no chat"]),
        ),
    }
}

fn command(random: &mut Rng, versions: &[&'static str]) -> Command {
    let force = random.u32(..3) == 0;
    let version = choose(random, versions);
    match random.u32(..10) {
        0..5 => {
            let keep = choose(random, &[Keep::Running, Keep::Stopped, Keep::None]);
            Command::Launch { version, keep, promote: random.u32(..4) > 0, force }
        }
        5 | 6 => Command::Promote { force },
        _ => Command::RollBack { version: Some(version).filter(|_| random.bool()), force },
    }
}

pub(super) fn choose<T: Copy>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}

impl Command {
    /// The version behind the address if it succeeds, where the command says it.
    pub(super) fn target(self) -> Option<&'static str> {
        match self {
            Self::Launch { version, promote, .. } => Some(version).filter(|_| promote),
            Self::Promote { .. } => None,
            Self::RollBack { version, .. } => version,
        }
    }

    pub(super) fn forces(self) -> bool {
        let (Self::Launch { force, .. } | Self::Promote { force } | Self::RollBack { force, .. }) = self;
        force
    }

    /// The id of the instance that it says is behind the address now; nothing where it was only prepared.
    pub(super) async fn perform(self, operator: &Operator, timeout: u64) -> Result<Option<String>, String> {
        let result = match self {
            Self::Launch { version, keep, promote, force } => {
                let args = Launch { keep, force, no_promote: !promote, timeout, ..fast(version) };
                operator.launch(&args).await.map(|launched| Some(launched.instance_id).filter(|_| launched.live))
            }
            Self::Promote { force } => {
                let args = Promote { force, timeout, ..promote() };
                operator.promote(&args).await.map(|promoted| Some(promoted.instance_id))
            }
            Self::RollBack { version, force } => {
                operator.rollback_with(version, force, timeout).await.map(|back| Some(back.to.instance_id))
            }
        };
        result.map_err(|error| {
            let told = Report::new(&error);
            let fault = if told.status == ExitStatus::Internal { "internal error: " } else { "" };
            format!("{fault}{told}")
        })
    }
}

impl Hand {
    pub(super) async fn perform(self, which: usize, cloud: &Cloud, operator: &Operator) -> String {
        let holder = Operator::holder(cloud);
        let mut others = if self == Self::Terminate { Operator::existing(cloud) } else { Operator::running(cloud) };
        others.retain(|id| *id != holder);
        if others.is_empty() {
            return "there is none".to_owned();
        }
        // Ids are drawn by the cloud; they were launched in one order.
        others.sort_by_key(|id| Operator::deployment_of(cloud, id));
        let id = &others[which % others.len()];
        let ec2 = &operator.context.clients.ec2;
        match self {
            Self::PutBehindTheAddress => operator.move_by_hand(cloud, id).await,
            Self::Stop => drop(ec2.stop_instances().instance_ids(id).send().await.unwrap()),
            Self::Terminate => drop(ec2.terminate_instances().instance_ids(id).send().await.unwrap()),
        }
        format!("{id} of {}", Operator::version_of(cloud, id))
    }
}
