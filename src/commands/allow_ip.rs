//! `veris allow-ip`: who may reach the instances' ports, and for how long.

use std::fmt;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::error::user;
use crate::exit_status::ExitStatus;
use crate::firewall::{self, Block, Change, Lifetime, Mark, Opened, Other, Rule};
use crate::ledger::Holder;
use crate::table::Table;

/// Open ports 22 and the service's for an address, this machine's by default
///
/// The rule is added to the recipe's first security group, or the live instance's where the recipe names none. It says who asked for
/// it, and no rule that says otherwise is ever changed or removed. With `--for` it has an end: whichever `allow-ip`, `launch` or `gc`
/// runs next after that removes it. What is open already is no error, and gets the end that was asked for last.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  veris allow-ip --for 8h\n  veris allow-ip 203.0.113.0/24\n  veris allow-ip --list\n  \
                  veris allow-ip --revoke"
)]
pub struct AllowIp {
    /// Address or block, such as 203.0.113.7, 203.0.113.0/24 or `2001:db8::/48`; by default this machine's address on the internet
    #[arg(value_name = "CIDR")]
    block: Option<Block>,
    /// Close it again after this time, such as 30m, 8h or 2d; without it the rule stays until it is revoked
    #[arg(long = "for", value_name = "TIME", conflicts_with_all = ["list", "revoke"])]
    lifetime: Option<Lifetime>,
    /// Show what is open for whom, since when and until when
    #[arg(long, conflicts_with_all = ["revoke", "block"])]
    list: bool,
    /// Close what was opened for this address
    #[arg(long)]
    revoke: bool,
    /// Open the ports although the block is wide, such as 0.0.0.0/0, which is everybody
    #[arg(long)]
    force: bool,
}

pub async fn run(args: AllowIp, context: &Context) -> Result<ExitStatus> {
    let expired = firewall::sweep(context).await?;
    if args.list {
        let found = firewall::look(context, &firewall::groups(context).await?).await?;
        context.printer.data(&Listed { rules: found.ours, others: found.others, expired })?;
        return Ok(ExitStatus::Success);
    }
    let block = match args.block {
        Some(block) => block,
        None => firewall::own_address(&context.environment).await?.into(),
    };
    if args.revoke {
        let closed = firewall::close(context, block).await?;
        context.printer.data(&Revoked { source: block.to_string(), closed, expired })?;
        return Ok(ExitStatus::Success);
    }
    if block.is_wide() && !args.force {
        return Err(user(format!("{block} is far more than an operator's own addresses"))
            .hint("if all of them are meant to reach the instances, add `--force`")
            .into());
    }
    context.printer.data(&opened(context, block, args.lifetime, expired).await?)?;
    Ok(ExitStatus::Success)
}

async fn opened(context: &Context, block: Block, lifetime: Option<Lifetime>, expired: Vec<Rule>) -> Result<Told> {
    let (groups, holder) = tokio::try_join!(firewall::groups(context), Holder::here(context))?;
    let group = groups.into_iter().next().ok_or_else(|| {
        user(format!("environment `{}` names no security group, and nothing is live", context.environment.name))
            .hint("name the group below `security_groups` of the recipe")
    })?;
    let mark = Mark::new(&holder.operator, Timestamp::now(), lifetime);
    let stage = context.printer.stage(format!("Open {group} for {block}"));
    let ports = firewall::open(context, &group, block, &mark).await?;
    stage.done("");
    Ok(Told { group, source: block.to_string(), until: mark.until, ports, expired })
}

/// What is open for the address now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    group: String,
    source: String,
    until: Option<Timestamp>,
    ports: Vec<Opened>,
    /// Rules whose time was over, which were closed.
    expired: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    source: String,
    closed: Vec<Rule>,
    expired: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    rules: Vec<Rule>,
    /// What somebody else opened to the same ports.
    others: Vec<Other>,
    expired: Vec<Rule>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, source, ports, expired, .. } = self;
        let until = format!("until {}", until(self.until));
        for Opened { port, change } in ports {
            match change {
                Change::Opened => writeln!(f, "port {port} of {group} is open for {source} {until}")?,
                Change::Renewed => writeln!(f, "port {port} of {group} was open for {source}, and is now {until}")?,
                Change::AsBefore => writeln!(f, "port {port} of {group} is open for {source} as before, {until}")?,
                Change::ByOthers => writeln!(
                    f,
                    "port {port} of {group} is open for {source} by a rule that veris did not make: it is left alone and stays"
                )?,
            }
        }
        write_expired(f, expired)
    }
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.closed {
            writeln!(f, "closed {rule}")?;
        }
        if self.closed.is_empty() {
            writeln!(f, "nothing was open for {} by a rule of veris", self.source)?;
        }
        write_expired(f, &self.expired)
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["PORT", "FOR", "BY", "SINCE", "UNTIL"]);
        for Rule { ports, source, mark, .. } in &self.rules {
            let since = mark.since.map(minute).unwrap_or_default();
            table.row([ports.clone(), source.clone(), mark.by.clone(), since, until(mark.until)]);
        }
        for Other { ports, source, description, .. } in &self.others {
            let by =
                if description.is_empty() { "not by veris".to_owned() } else { format!("not by veris: {description}") };
            table.row([ports.clone(), source.clone(), by, String::new(), "it is removed".to_owned()]);
        }
        match (self.rules.is_empty(), self.others.is_empty()) {
            (true, true) => writeln!(f, "nothing is open")?,
            _ => write!(f, "{table}")?,
        }
        write_expired(f, &self.expired)
    }
}

fn write_expired(f: &mut fmt::Formatter<'_>, expired: &[Rule]) -> fmt::Result {
    expired.iter().try_for_each(|rule| writeln!(f, "closed {rule}: its time was over"))
}

fn until(time: Option<Timestamp>) -> String {
    time.map_or("it is revoked".to_owned(), minute)
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
