//! What is beside the root file system.

use super::{Image, finding, outcome};
use crate::partitions::is_file_system;
use crate::report::Outcome;

pub(super) fn other_partitions(image: &Image<'_>) -> Outcome {
    let others = &image.found.others;
    if others.is_empty() {
        return Outcome::NotApplicable("there is no other".to_owned());
    }
    let unread = others.iter().filter(|(partition, _)| is_file_system(partition.content));
    outcome(unread.map(|(partition, _)| {
        finding(
            format!("(partition {})", partition.number).as_bytes(),
            format!("has {}, which was not read", partition.content),
        )
    }))
}
