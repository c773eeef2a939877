//! `veris logs`: the journal of the service's units on an instance.

mod entry;
mod since;

use std::process::Stdio;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStdout;

use self::entry::Entry;
use self::since::Since;
use crate::context::Context;
use crate::error::{cloud, internal, user};
use crate::exit_status::ExitStatus;
use crate::instances;
use crate::printer::Output;
use crate::recipe::Recipe;
use crate::ssh::{self, Access, Login, Terminal};

/// Show the service's journal on an instance
///
/// Reads it as `veris ssh` logs in. Control characters are left out, so that what a service writes cannot drive your terminal. With
/// `--output json` each entry is one line of JSON: time, priority as syslog counts it (3 is an error), unit and message.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  veris logs -f\n  veris logs 1.1.0 --since 10m\n  veris logs --lines 20 --output json"
)]
pub struct Logs {
    /// Instance or version; by default the live instance
    #[arg(value_name = "INSTANCE|VERSION")]
    target: Option<String>,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Begin this time ago, such as 90s, 10m, 8h or 2d
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Show at most so many of the last entries; 100 by default, and all of them with `--since`
    #[arg(long, value_name = "COUNT")]
    lines: Option<u32>,
    #[command(flatten)]
    access: Access,
}

pub async fn run(args: Logs, context: &Context) -> Result<ExitStatus> {
    let words = journalctl(&args, &units(&context.recipe)?);
    let chosen = instances::choose(context, args.target.as_deref()).await?;
    let login = Login::prepare(context, &chosen, &args.access).await?;
    let mut command = login.command(&words, Terminal::No);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(ssh::not_started)?;
    let output = child.stdout.take().ok_or_else(|| internal("ssh was started without an output"))?;
    if !show(BufReader::new(output).lines(), context).await? {
        // Nobody reads any more.
        return Ok(ExitStatus::Success);
    }
    let ended = child.wait().await.map_err(ssh::not_started)?;
    if let Some(failure) = login.explain(ended).await {
        return Err(failure.into());
    }
    if !ended.success() {
        let id = &chosen.instance.instance_id;
        return Err(cloud(format!("`journalctl` on {id} ended with {ended}"))
            .hint(format!("{} must be in the group systemd-journal there, as Amazon Linux has it", args.access.user))
            .into());
    }
    Ok(ExitStatus::Success)
}

/// Shows entries until there are no more; `false` where whoever read them went away.
async fn show(mut lines: Lines<BufReader<ChildStdout>>, context: &Context) -> Result<bool> {
    let failed = |error| internal("failed to read what ssh wrote").source(error);
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        let Some(entry) = Entry::parse(&line) else {
            context.printer.talk(instances::plain(&line));
            continue;
        };
        let text = match context.printer.output() {
            Output::Text => format!("{entry}\n"),
            Output::Json => format!("{}\n", serde_json::to_string(&entry)?),
        };
        if !context.printer.piece_to_reader(&text)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The command on the instance. The fields are asked for by name: an entry has thirty more.
fn journalctl(args: &Logs, units: &[String]) -> Vec<String> {
    let mut words: Vec<String> =
        ["journalctl", "--quiet", "--no-pager", "--all", "--output=json"].map(Into::into).into();
    words.push(format!("--output-fields={}", entry::FIELDS.join(",")));
    words.extend(units.iter().map(|unit| format!("--unit={}", quoted(unit))));
    if let Some(since) = args.since {
        words.push(format!("--since={since}"));
    }
    match (args.lines, args.since) {
        (Some(lines), _) => words.push(format!("--lines={lines}")),
        (None, Some(_)) => {}
        (None, None) => words.push("--lines=100".to_owned()),
    }
    if args.follow {
        words.push("--follow".to_owned());
        if args.lines.is_none() && args.since.is_some() {
            words.push("--no-tail".to_owned());
        }
    }
    words
}

/// For the shell that reads the words on the instance.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The recipe's services.
fn units(recipe: &Recipe) -> Result<Vec<String>> {
    let names = recipe.units.iter().filter_map(|path| path.file_name()?.to_str());
    let services: Vec<String> = names.filter(|name| name.ends_with(".service")).map(ToOwned::to_owned).collect();
    if services.is_empty() {
        return Err(user("the recipe bakes no service")
            .hint("`veris ssh -- journalctl` shows the whole journal")
            .into());
    }
    Ok(services)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(follow: bool, since: Option<&str>, lines: Option<u32>) -> String {
        let since = since.map(|since| since.parse().unwrap());
        let access = Access { user: ssh::USER.to_owned(), identity: None };
        let args = Logs { target: None, follow, since, lines, access };
        let words = journalctl(&args, &["chat.service".to_owned()]).join(" ");
        words.split_once("--unit='chat.service' ").map_or(String::new(), |(_, own)| own.to_owned())
    }

    #[test]
    fn the_last_hundred_entries_are_shown_unless_a_time_or_a_number_is_named() {
        assert_eq!(words(false, None, None), "--lines=100");
        assert_eq!(words(true, None, Some(5)), "--lines=5 --follow");
        assert_eq!(words(false, Some("10m"), None), "--since=-600s");
        assert_eq!(words(true, Some("10m"), None), "--since=-600s --follow --no-tail");
        assert_eq!(words(true, Some("2h"), Some(3)), "--since=-7200s --lines=3 --follow");
    }
}
