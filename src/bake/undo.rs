//! What a bake has created so far, and taking it back.

use super::remove;
use crate::context::Context;

/// Something that a bake may have created. "May": it is noted before the call that creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Created {
    pub kind: Kind,
    /// Its ARN, or the URI of an object. An ARN of a version means all builds of the version.
    pub name: String,
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object in the bucket.
    Object,
    /// A component.
    Component,
    /// A recipe.
    Recipe,
    /// An infrastructure configuration.
    Infrastructure,
    /// A distribution configuration.
    Distribution,
    /// An image, and the AMIs it made.
    Image,
}

impl Kind {
    /// The thing of this kind that has this name.
    pub(super) fn named(self, name: impl Into<String>) -> Created {
        Created { kind: self, name: name.into() }
    }
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

    /// The last thing was created, and this is what the cloud calls it.
    pub(super) fn was_created_as(&mut self, name: &str) {
        if let Some(last) = self.created.last_mut() {
            name.clone_into(&mut last.name);
        }
    }

    /// The last thing was not created, because it is there already. It belongs to somebody else.
    pub(super) fn was_there(&mut self) {
        self.created.pop();
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
            stage.update(&created.name);
            if let Err(problem) = remove::created(context, created).await {
                left.push(format!("left behind: {}: {problem:#}", created.name));
            }
        }
        if left.is_empty() {
            stage.done("nothing is left behind");
        } else {
            stage.fail("something is left behind; the next bake of this version removes it first");
            for line in left {
                context.printer.talk(line);
            }
        }
        error
    }
}
