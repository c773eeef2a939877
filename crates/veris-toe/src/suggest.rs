//! The nearest of some names, for the cure of an unknown one.

/// The candidate a typing slip away from `name`: at most a third of its letters differ, ignoring case.
///
/// ```
/// use veris_toe::suggest::nearest;
///
/// assert_eq!(nearest("ExecuteBsh", ["ExecuteBash", "ExecuteBinary"]), Some("ExecuteBash"));
/// assert_eq!(nearest("Teleport", ["ExecuteBash", "ExecuteBinary"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    // The work grows with the product of both lengths, and no known name is that long.
    if length > 128 {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&name, &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= (length / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let names = ["ExecuteBash", "ExecuteBinary", "S3Download", "port", "env_file"];
        assert_eq!(nearest("executebash", names), Some("ExecuteBash"));
        assert_eq!(nearest("ExecuteBsh", names), Some("ExecuteBash"));
        assert_eq!(nearest("S3Dwonload", names), Some("S3Download"));
        assert_eq!(nearest("prot", names), Some("port"));
        assert_eq!(nearest("envfile", names), Some("env_file"));
        assert_eq!(nearest("Teleport", names), None);
    }
}
