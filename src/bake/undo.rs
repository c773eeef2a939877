//! What a bake has created so far, and taking it back.

use std::fmt;

use super::remove;
use crate::context::Context;

/// Something that a bake may have created. "May": it is noted before the call that creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Created {
    /// An object that the bucket did not have.
    Object { bucket: String, key: String },
    /// Every build of this version of a component.
    Component { version_arn: String },
    /// A recipe.
    Recipe { arn: String },
    /// An infrastructure configuration.
    Infrastructure { arn: String },
    /// A distribution configuration.
    Distribution { arn: String },
    /// Every build of this version of the image, and the AMIs they made.
    Image { version_arn: String },
}

/// The list of things to take back if the bake fails.
#[derive(Debug, Default)]
pub(super) struct Undo {
    created: Vec<Created>,
}

impl Undo {
    /// Notes something that is about to be created.
    pub(super) fn will_create(&mut self, created: Created) {
        self.created.push(created);
    }

    /// Takes everything back, the last thing first, and returns `error`, the reason for it.
    ///
    /// What cannot be removed is named; the next bake of the version removes it too.
    pub(super) async fn run(self, context: &Context, error: anyhow::Error) -> anyhow::Error {
        if self.created.is_empty() {
            return error;
        }
        let mut stage = context.printer.stage("take back what was created");
        let mut left = Vec::new();
        for created in self.created.iter().rev() {
            stage.update(format!("{created}"));
            if let Err(problem) = remove::created(context, created).await {
                left.push(format!("left behind: {created}: {problem:#}"));
            }
        }
        if left.is_empty() {
            stage.done("nothing is left behind");
        } else {
            stage.fail("something is left behind; the next bake of this version removes it first");
            left.iter().for_each(|line| context.printer.talk(line));
        }
        error
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Component { version_arn } | Self::Image { version_arn } => f.write_str(version_arn),
            Self::Recipe { arn } | Self::Infrastructure { arn } | Self::Distribution { arn } => f.write_str(arn),
        }
    }
}
