//! What may be, whatever has happened: the promises of a deployment, without knowing how it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::draw::Command;
use super::luck::Luck;
use crate::deploy::operator::Operator;
use crate::stand_in::Cloud;

/// A command that was given, and what it said in the end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) command: Command,
    pub(super) luck: Luck,
    /// The instance that it says is behind the address.
    pub(super) result: Result<Option<String>, String>,
}

impl Ended {
    /// Whether it could do no more from one call on.
    fn was_cut_off(&self) -> bool {
        self.result.is_err() && matches!(self.luck, Luck::Dies { .. } | Luck::Fault { mode: "expire", .. })
    }
}

#[derive(Debug, Default)]
pub(super) struct Model {
    moods: BTreeMap<&'static str, &'static str>,
    /// Versions between which deployments wanted to move that nobody has ended: whoever comes next may finish them, or take them
    /// back.
    left: BTreeSet<String>,
    /// Who served before those.
    served_before: String,
    /// The instance that the tool put behind the address last; another one was put there by hand.
    put_there: String,
}

impl Model {
    pub(super) fn new(cloud: &Cloud) -> Self {
        Self { put_there: Operator::holder(cloud), ..Self::default() }
    }

    pub(super) fn mood(&mut self, version: &'static str, mood: &'static str) {
        self.moods.insert(version, mood);
    }

    /// Whatever is done by hand leaves somebody behind the address.
    pub(super) fn by_hand(cloud: &Cloud) {
        assert!(!Operator::holder(cloud).is_empty());
    }

    /// In seconds. What is sick need not be waited for; where it is not known who will serve, whoever is well must have the time.
    pub(super) fn timeout(&self, command: Command) -> u64 {
        let is_unwell = |version: &str| self.moods.get(version).is_some_and(|mood| *mood != "well");
        match command.target() {
            Some(target) if is_unwell(target) => 1,
            None if super::VERSIONS.into_iter().any(is_unwell) => 10,
            _ => super::PATIENCE,
        }
    }

    fn is_sick(&self, version: &str) -> bool {
        self.moods.get(version).is_some_and(|mood| mood.starts_with("sick"))
    }

    /// Holds what commands said, which ran at the same time, against what can be seen.
    pub(super) fn check(&mut self, cloud: &Cloud, watch: Watch, ended: &[Ended]) -> Result<(), String> {
        let (before, seen) = watch.end();
        let after = Operator::holder(cloud);
        if let Some(unserved) = seen.iter().find(|holder| holder.starts_with("nobody")) {
            return Err(format!("at one moment `{unserved}` was behind the address"));
        }
        let version = Operator::version_of(cloud, &after);
        if after != before {
            self.check_move(cloud, &before, &version, ended)?;
        }
        for one in ended {
            self.check_result(cloud, one, ended, &after)?;
        }
        if after != before || ended.iter().any(|one| matches!(one.result, Ok(Some(_)))) {
            self.put_there.clone_from(&after);
        }
        self.remember_left(cloud, (&before, &after), ended);
        Ok(())
    }

    /// It moved: somebody wanted that, and what is there now is well.
    fn check_move(&self, cloud: &Cloud, before: &str, version: &str, ended: &[Ended]) -> Result<(), String> {
        let wanted = |one: &Ended| one.command.target().is_none_or(|target| target == version);
        if !ended.iter().any(wanted) && !self.left.contains(version) {
            return Err(format!("the address moved to {version}, which nobody asked for"));
        }
        let was_moved_by_hand = before != self.put_there && Operator::state_of(cloud, before) == "running";
        if was_moved_by_hand && self.left.is_empty() && !ended.iter().any(|one| one.command.forces()) {
            return Err("an address that was moved by hand was taken back without `--force`".to_owned());
        }
        // What somebody left is taken back to whoever served before, well or not. What is sick only there is found out there, and who
        // dies then, or whose credentials end, leaves it to the next.
        let is_left =
            self.moods.get(version) == Some(&"sick through the address") && ended.iter().any(Ended::was_cut_off);
        if self.is_sick(version) && self.left.is_empty() && !is_left {
            return Err(format!("{version} is sick, and was put behind the address"));
        }
        Ok(())
    }

    fn check_result(&self, cloud: &Cloud, one: &Ended, all: &[Ended], after: &str) -> Result<(), String> {
        match &one.result {
            Ok(Some(said)) if all.len() == 1 && said != after => {
                Err(format!("it says that {said} is live, but {after} is"))
            }
            Ok(Some(said))
                if one.command.target().is_some_and(|target| target != Operator::version_of(cloud, said)) =>
            {
                Err(format!("{said} is not of the version that was asked for"))
            }
            Err(said) if said.contains("internal error") => Err("the tool calls it its own fault".to_owned()),
            Err(said) if one.luck == Luck::Calm && all.len() == 1 && !self.may_fail(said) => {
                Err("nothing was wrong, and it failed".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// What a calm command may be refused for.
    fn may_fail(&self, said: &str) -> bool {
        let is_unwell = self.moods.values().any(|mood| *mood != "well");
        let reasons = [
            "is live already",
            "moved it by hand",
            "moved the address by hand",
            "no instance waits",
            "waits in environment",
            "there is nothing to return to",
            "is kept to return to",
        ];
        is_unwell || reasons.iter().any(|reason| said.contains(reason))
    }

    fn remember_left(&mut self, cloud: &Cloud, (before, after): (&str, &str), ended: &[Ended]) {
        let is_open = Operator::deployments(cloud).iter().any(Option::is_none);
        if !is_open {
            // Taken back, or finished: whoever has moved the address there by hand meanwhile has done what the tool would have done.
            if !self.left.is_empty() && (after == self.served_before || Operator::last_live(cloud) == after) {
                after.clone_into(&mut self.put_there);
            }
            self.left.clear();
        }
        if is_open {
            if self.left.is_empty() {
                before.clone_into(&mut self.served_before);
            }
            self.left.insert(Operator::version_of(cloud, before));
        }
        for one in ended.iter().filter(|_| is_open) {
            let all =
                super::VERSIONS.into_iter().filter(|version| one.command.target().is_none_or(|it| it == *version));
            self.left.extend(all.map(ToOwned::to_owned));
        }
    }

    /// After a calm launch everything is accounted for.
    pub(super) fn settled(cloud: &Cloud, launched: &str) -> Result<(), String> {
        let state = cloud.state();
        let endings = Operator::deployments(cloud);
        if endings.iter().any(Option::is_none) {
            return Err(format!("something is under way still: {endings:?}"));
        }
        if Operator::holder(cloud) != launched {
            return Err(format!("{launched} was launched, but `{}` serves", Operator::holder(cloud)));
        }
        let live = &state["parameters"]["/veris/chat/local/live"]["versions"];
        let published = live.as_array().and_then(|versions| versions.last()).map(|version| &version["value"]);
        if published != Some(&state["instances"][launched]["image_id"]) {
            return Err(format!("{published:?} is published as the live image"));
        }
        let records = Operator::records(cloud);
        let numbers: Vec<u64> = records.iter().filter_map(|record| record["number"].as_u64()).collect();
        let first = numbers.first().copied().unwrap_or_default();
        if numbers != (first..first + numbers.len() as u64).collect::<Vec<_>>() {
            return Err(format!("the ledger has a gap: {numbers:?}"));
        }
        Operator::existing(cloud).iter().try_for_each(|id| is_accounted_for(&state, &records, id))
    }
}

/// An instance served, or waits to: nothing is left of what was taken back.
fn is_accounted_for(state: &Value, records: &[Value], id: &str) -> Result<(), String> {
    let tags = &state["instances"][id]["tags"];
    let number = tags["veris:deployment"].as_str().and_then(|tag| tag.rsplit_once('/')?.1.parse::<u64>().ok());
    let record = records.iter().find(|record| record["number"].as_u64() == number);
    let ending = record.map(|record| record["outcome"]["ending"].as_str().unwrap_or_default());
    let served = tags["veris:promoted-at"].is_string();
    if served || matches!(ending, Some("live" | "ready")) {
        return Ok(());
    }
    Err(format!("{id} exists, but deployment {number:?} ended as {ending:?}"))
}

/// Looks all the while who is behind the address.
pub(super) struct Watch {
    before: String,
    over: Arc<AtomicBool>,
    looks: std::thread::JoinHandle<BTreeSet<String>>,
}

impl Watch {
    pub(super) fn begin(cloud: &Cloud) -> Self {
        let (over, path) = (Arc::new(AtomicBool::new(false)), cloud.layout().state());
        let is_over = Arc::clone(&over);
        let looks = std::thread::spawn(move || {
            let (mut seen, mut last) = (BTreeSet::new(), None);
            while !is_over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
                // A new state is a new file.
                let file = fs_err::metadata(&path).unwrap();
                let file = (file.ino(), file.mtime(), file.mtime_nsec(), file.len());
                if last.replace(file) == Some(file) {
                    continue;
                }
                let state: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
                let addresses = state["addresses"].as_object().unwrap();
                let holder = addresses.values().next().and_then(|it| it["association"]["instance_id"].as_str());
                let is_up = holder.is_some_and(|holder| state["instances"][holder]["state"] == "running");
                seen.insert(if is_up { holder.unwrap_or_default().to_owned() } else { format!("nobody ({holder:?})") });
            }
            seen
        });
        Self { before: Operator::holder(cloud), over, looks }
    }

    fn end(self) -> (String, BTreeSet<String>) {
        self.over.store(true, Ordering::SeqCst);
        (self.before, self.looks.join().unwrap())
    }
}
