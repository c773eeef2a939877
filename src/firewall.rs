//! What the security group of the instances lets in: rules that operators have opened for an address, and their end.
//!
//! A rule is ours if its description begins with our [`Mark`]; no other is ever changed or removed.

mod block;
mod mark;
mod open;
mod own_address;
mod rules;

use anyhow::Result;

pub use self::block::Block;
pub use self::mark::{Lifetime, Mark};
pub use self::open::{Change, Opened, SSH, open};
pub use self::own_address::own_address;
pub use self::rules::{Found, Other, Rule, look};
use crate::addresses;
use crate::context::Context;
use crate::instances;

/// The groups of the instances that serve: those that the recipe names, or those of the live instance, if there is one.
pub async fn groups(context: &Context) -> Result<Vec<String>> {
    let named = &context.environment.security_groups;
    if !named.is_empty() {
        return Ok(named.clone());
    }
    let service = context.recipe.service.as_str();
    let (address, ours) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, service))?;
    let holder = address.and_then(|address| address.holder);
    match ours.iter().find(|instance| Some(&instance.instance_id) == holder.as_ref()) {
        Some(live) => instances::security_groups(&context.clients, &live.instance_id).await,
        None => Ok(Vec::new()),
    }
}

/// Removes rules of ours whose time is over, and answers them.
pub async fn sweep(context: &Context) -> Result<Vec<Rule>> {
    let expired = look(context, &groups(context).await?).await?.expired();
    for rule in &expired {
        rules::revoke(&context.clients, rule).await?;
    }
    Ok(expired)
}

/// The same as a side of another command, which does not fail because of it.
pub async fn sweep_beside(context: &Context) -> Vec<Rule> {
    match sweep(context).await {
        Ok(expired) => {
            for rule in &expired {
                context.printer.talk(format_args!("Closed {rule}: its time was over."));
            }
            expired
        }
        Err(error) => {
            context.printer.talk(format_args!("warning: rules whose time is over may still be open: {error:#}"));
            Vec::new()
        }
    }
}

/// Removes our rules for these addresses, whatever they open, and answers them.
pub async fn close(context: &Context, block: Block) -> Result<Vec<Rule>> {
    let mut found = look(context, &groups(context).await?).await?.ours;
    found.retain(|rule| rule.source == block.to_string());
    for rule in &found {
        rules::revoke(&context.clients, rule).await?;
    }
    Ok(found)
}
