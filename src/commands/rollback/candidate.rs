//! What a roll back returns to: decided from what is there, without a call.

use jiff::Timestamp;
use semver::Version;

use crate::deploy::Scene;
use crate::error::{Failure, user};
use crate::images::{self, BakedImage};
use crate::instances::{Instance, State};
use crate::ledger::Ending;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidate<'a> {
    /// An instance that served before and still exists.
    Kept(&'a Instance),
    /// No such instance: an image must be launched, with the user data of the live instance.
    Image { below: &'a Version, user_data_of: &'a Instance },
}

/// The instance that served before the live one, or one of the `named` version; otherwise an image.
pub(super) fn choose<'a>(
    instances: &'a [Instance],
    live: Option<&'a Instance>,
    named: Option<&Version>,
) -> Result<Candidate<'a>, Failure> {
    if let (Some(live), Some(named)) = (live, named)
        && live.version == *named
    {
        return Err(user(format!("{} {named} is live already, on instance {}", live.service, live.instance_id)));
    }
    let kept = instances.iter().filter(|instance| {
        matches!(instance.state, State::Running | State::Stopped)
            && instance.promoted_at.is_some()
            && live.is_none_or(|live| live.instance_id != instance.instance_id)
    });
    // A live instance without the tag was put there last: only its tag is missing.
    let bound = live.and_then(|live| live.promoted_at).unwrap_or(Timestamp::MAX);
    let found = kept
        .filter(|instance| match named {
            Some(version) => instance.version == *version,
            None => instance.rolled_back_at.is_none() && instance.promoted_at < Some(bound),
        })
        .max_by_key(|instance| instance.promoted_at);
    match (found, live) {
        (Some(kept), _) => Ok(Candidate::Kept(kept)),
        (None, Some(live)) => Ok(Candidate::Image { below: &live.version, user_data_of: live }),
        (None, None) => Err(user("no instance of this tool is live, and none is kept to return to")
            .hint("launch a version with `veris launch VERSION`; `veris images` lists them")),
    }
}

/// The image of the `named` version, or of the version that served last before the live one; without a ledger the newest below.
pub(super) fn image<'a>(scene: &'a Scene, below: &Version, named: Option<&Version>) -> Result<&'a BakedImage, Failure> {
    if named.is_some() {
        return images::choose(&scene.images, named, &scene.service);
    }
    let there = |id: &str| scene.images.iter().find(|image| image.state == "available" && image.image_id == id);
    let served = scene.entries.iter().rev().filter(|entry| entry.record.ended_as(Ending::Live));
    let mut served = served.filter_map(|entry| entry.record.task.as_ref()).map(|task| &task.to);
    let earlier = served.find(|target| target.version < *below);
    let newest_below = || scene.images.iter().find(|image| image.state == "available" && image.version < *below);
    match earlier.map(|earlier| (earlier, there(&earlier.image_id))) {
        Some((_, Some(image))) => Ok(image),
        Some((gone, None)) => {
            let message = format!("the image {} of {}, which served before {below}, is gone", gone.image_id, gone.version);
            Err(match newest_below() {
                Some(next) => user(message).hint(format!(
                    "the next candidate is {}: `veris rollback {}` launches it; `veris history` shows when it served",
                    next.version, next.version
                )),
                None => user(message).hint("no earlier version is baked; `veris images` lists the versions"),
            })
        }
        None => newest_below().ok_or_else(|| {
            let service = &scene.service;
            user(format!("there is nothing to return to: {service} {below} is live, no earlier instance is kept, and no earlier version is baked"))
                .hint("`veris images` lists the versions; name a later one to return to it")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, version: &str, promoted: Option<&str>) -> Instance {
        Instance {
            instance_id: id.to_owned(),
            instance_type: "t3.medium".to_owned(),
            state: State::Running,
            state_reason: None,
            public_ip: None,
            service: "veris-chat".to_owned(),
            version: version.parse().unwrap(),
            digest: String::new(),
            commit: String::new(),
            image_id: format!("ami-{version}"),
            launched: None,
            deployment: None,
            promoted_at: promoted.map(|hour| format!("2026-01-01T{hour}:00:00Z").parse().unwrap()),
            rolled_back_at: None,
        }
    }

    fn chosen(instances: &[Instance], live: usize, named: Option<&str>) -> String {
        let named = named.map(|version| version.parse().unwrap());
        match choose(instances, instances.get(live), named.as_ref()) {
            Ok(Candidate::Kept(kept)) => kept.instance_id.clone(),
            Ok(Candidate::Image { below, .. }) => format!("image below {below}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_instance_that_served_before_takes_over_and_a_second_roll_back_goes_further() {
        let mut all = [
            instance("i-a", "1.0.0", Some("01")),
            instance("i-b", "1.1.0", Some("02")),
            instance("i-c", "1.2.0", Some("03")),
        ];
        assert_eq!(chosen(&all, 2, None), "i-b");
        all[2].rolled_back_at = Some(Timestamp::now());
        assert_eq!(chosen(&all, 1, None), "i-a");
        all[1].rolled_back_at = Some(Timestamp::now());
        assert_eq!(chosen(&all, 0, None), "image below 1.0.0");
    }

    #[test]
    fn a_version_that_was_rolled_back_from_is_returned_to_only_by_name() {
        let mut all = [
            instance("i-a", "1.0.0", Some("01")),
            instance("i-bad", "1.1.0", Some("02")),
            instance("i-c", "1.2.0", Some("03")),
        ];
        all[1].rolled_back_at = Some(Timestamp::now());
        assert_eq!(chosen(&all, 2, None), "i-a");
        assert_eq!(chosen(&all, 2, Some("1.1.0")), "i-bad");
    }

    #[test]
    fn an_instance_that_never_served_is_no_way_back() {
        let all = [instance("i-a", "1.0.0", None), instance("i-b", "1.1.0", Some("02"))];
        assert_eq!(chosen(&all, 1, None), "image below 1.1.0");
        assert_eq!(chosen(&all, 1, Some("1.0.0")), "image below 1.1.0");
    }

    #[test]
    fn a_live_instance_whose_tag_is_missing_was_put_there_last() {
        let all = [instance("i-a", "1.0.0", Some("01")), instance("i-b", "1.1.0", None)];
        assert_eq!(chosen(&all, 1, None), "i-a");
    }

    #[test]
    fn the_live_version_cannot_be_returned_to() {
        let all = [instance("i-a", "1.0.0", Some("01"))];
        assert_eq!(chosen(&all, 0, Some("1.0.0")), "veris-chat 1.0.0 is live already, on instance i-a");
    }

    #[test]
    fn when_the_live_instance_is_gone_the_last_one_that_served_takes_over() {
        let mut all = [instance("i-a", "1.0.0", Some("01")), instance("i-b", "1.1.0", Some("02"))];
        assert_eq!(chosen(&all, 9, None), "i-b");
        all[1].state = State::Stopped;
        assert_eq!(chosen(&all, 9, None), "i-b");
        assert_eq!(chosen(&[], 9, None), "no instance of this tool is live, and none is kept to return to");
    }
}
