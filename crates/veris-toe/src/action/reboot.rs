//! The inputs of `Reboot`, which the runner carries out itself.

use std::time::Duration;

use serde::Deserialize;

use super::setting::Setting;
use super::{ActionError, StepContext};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Reboot {
    delay_seconds: Option<Setting<u32>>,
}

impl Reboot {
    /// The time that the document gives the machine before it goes down.
    pub(crate) fn wait(&self, step: &StepContext<'_>) -> Result<(), ActionError> {
        let seconds = self.delay_seconds.as_ref().map_or(Ok(0), Setting::get)?;
        step.interrupt.pause(Duration::from_secs(seconds.into()));
        step.may_go_on()
    }
}
