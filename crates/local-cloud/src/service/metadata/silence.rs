//! A metadata service that is slow: silent for a while after an instance's start, where a user writes so into `metadata.json`.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cloud::Cloud;
use crate::layout::Layout;

/// The file: `{"silentSeconds": 90}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Slowness {
    silent_seconds: u32,
}

/// Answers when the instance is to be answered.
pub(crate) async fn keep(cloud: &Cloud, instance_id: &str) {
    let launched = cloud.store.read(|state| state.instances.get(instance_id).map(|instance| instance.launched));
    let Some(launched) = launched else { return };
    tokio::time::sleep(left(&cloud.layout, launched, Timestamp::now())).await;
}

fn left(layout: &Layout, launched: Timestamp, now: Timestamp) -> Duration {
    let silent = match read(layout) {
        Ok(slowness) => slowness.map_or(0, |slowness| slowness.silent_seconds),
        Err(error) => {
            let path = layout.metadata().display().to_string();
            tracing::error!(path, %error, "it does not say for how many seconds, as {{\"silentSeconds\": 90}} does");
            0
        }
    };
    let age = Duration::try_from(now.duration_since(launched)).unwrap_or_default();
    Duration::from_secs(silent.into()).saturating_sub(age)
}

fn read(layout: &Layout) -> io::Result<Option<Slowness>> {
    match fs_err::read(layout.metadata()) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_silent_for_as_long_as_the_file_says() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned(), cache: directory.path().to_owned() };
        let launched: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let left_after = |seconds| left(&layout, launched, launched + Duration::from_secs(seconds));
        assert_eq!(left_after(0), Duration::ZERO);
        fs_err::write(layout.metadata(), r#"{"silentSeconds": 90}"#).unwrap();
        assert_eq!(left_after(30), Duration::from_mins(1));
        assert_eq!(left_after(91), Duration::ZERO);
        fs_err::write(layout.metadata(), "slow").unwrap();
        assert_eq!(left_after(0), Duration::ZERO, "what cannot be read slows nothing down");
    }
}
