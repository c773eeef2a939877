//! The acts of the demo, in their order.

use std::io::Write as _;

use anyhow::Result;
use local_cloud::layout::Layout;
use semver::Version;
use tempfile::NamedTempFile;

use super::Shown;
use crate::bake;
use crate::cli::GlobalArgs;
use crate::commands::history;
use crate::commands::launch::{self, Launch, Launched};
use crate::commands::local::up::{self, Up};
use crate::commands::promote::{self, Promote};
use crate::commands::rollback::{self, Rollback};
use crate::commands::status::{self, Status};
use crate::context::{self, Context};
use crate::demo::timeline::Timeline;
use crate::demo::{chat, earlier, host};
use crate::error::{internal, unhealthy};
use crate::guest_binary;
use crate::health::{self, Endpoint};
use crate::images;
use crate::interrupt::Interrupt;
use crate::ledger::Keep;
use crate::local;
use crate::printer::Printer;
use crate::recipe::Recipe;

/// Seconds a guest may take on a machine whose processor is emulated.
const TIMEOUT: u64 = 600;

/// The demo while it plays.
#[derive(Debug)]
pub(super) struct Script {
    timeline: Timeline,
    layout: Layout,
}

impl Script {
    /// Prepares the host.
    pub(super) async fn begin(global: &GlobalArgs, printer: &Printer) -> Result<Self> {
        // Before anything is installed: a demo outside a project cannot go on.
        context::project(global)?;
        let mut script = Self { timeline: Timeline::default(), layout: local::layout()? };
        if !local::requirements::missing(&script.layout, &local::parent::next(&script.layout)?).is_empty() {
            let install = host::prepare(&script.layout, printer);
            script.timeline.act("Install what this machine lacks", printer, install).await?;
        }
        Ok(script)
    }

    /// Compiles what runs in guests, and starts the local cloud.
    pub(super) async fn cloud(
        &mut self,
        global: &GlobalArgs,
        printer: &Printer,
        interrupt: &Interrupt,
    ) -> Result<Context> {
        let (project, recipe) = context::recipe(global)?;
        let compile = compile(&project, &recipe, printer);
        self.timeline.act("Compile the server and the component runner", printer, compile).await?;
        let arguments = Up::default();
        let start = up::up(&arguments, global, printer);
        self.timeline.act("Start the local cloud", printer, start).await?;
        Context::load(global, printer.clone(), interrupt.clone()).await
    }

    /// Two versions, from the sources to the roll back.
    pub(super) async fn play(mut self, context: &Context) -> Result<Shown> {
        let printer = &context.printer;
        let earlier = earlier::read(&self.layout);
        let [first, second] = versions(context).await?;
        let session = format!("demo::{}", jiff::Timestamp::now().as_second());

        self.bake(context, &first).await?;
        let one = Box::pin(self.launch(context, &first, true)).await?;
        prove(context, &first).await?;
        earlier::write(&self.layout, &[earlier.as_slice(), std::slice::from_ref(&one.instance_id)].concat())?;
        let talk = self::chat(context, &one.url, &session, ["My name is Ada. What can you do?", "What is my name?"]);
        self.timeline.act("Chat", printer, talk).await?;

        self.bake(context, &second).await?;
        let two = Box::pin(self.launch(context, &second, false)).await?;
        earlier::terminate(context, &earlier).await?;
        earlier::write(&self.layout, &[one.instance_id.clone(), two.instance_id.clone()])?;
        prove(context, &first).await?;
        self.promote(context, &two).await?;
        prove(context, &second).await?;
        let talk = self::chat(context, &one.url, &session, ["Hello again. Are you a new instance?"]);
        self.timeline.act("Chat", printer, talk).await?;
        let status = status::status(&Status::default(), context).await?.to_string();
        printer.talk(format_args!("\n{}", status.trim_end()));

        let back = Rollback {
            timeout: TIMEOUT,
            keep: Keep::Running,
            reason: Some("the demo".to_owned()),
            ..Rollback::default()
        };
        let back = Box::pin(rollback::rollback(&back, context));
        let back = self.timeline.act(format!("Roll back to {first}"), printer, back).await?;
        prove(context, &first).await?;
        Ok(Shown {
            timeline: self.timeline,
            ledger: history::history(4, context).await?,
            url: back.url,
            live: first,
            left: second,
            rollback_seconds: back.seconds,
            down: false,
        })
    }

    async fn bake(&mut self, context: &Context, version: &Version) -> Result<()> {
        let printer = &context.printer;
        let baking = bake::bake(context, bake::Options { version: Some(version.clone()), ..Default::default() });
        let baked = self.timeline.act(format!("Bake {version}"), printer, baking).await?;
        printer.talk(format_args!("   {} {} is {}", baked.service, baked.version, baked.image_id));
        Ok(())
    }

    /// With a `.env` made for the demo; without the address where it is to be promoted later.
    async fn launch(&mut self, context: &Context, version: &Version, promote: bool) -> Result<Launched> {
        let env = env_file()?;
        let arguments = Launch {
            version: Some(version.clone()),
            env_file: Some(env.path().to_owned()),
            timeout: TIMEOUT,
            keep: Keep::Running,
            no_promote: !promote,
            reason: Some("the demo".to_owned()),
            ..Launch::default()
        };
        let launch = Box::pin(launch::launch(&arguments, context));
        let title = if promote { format!("Launch {version}") } else { format!("Launch {version} beside it") };
        self.timeline.act(title, &context.printer, launch).await
    }

    /// Moves the address to what waits.
    async fn promote(&mut self, context: &Context, waiting: &Launched) -> Result<()> {
        let arguments = Promote {
            target: Some(waiting.instance_id.clone()),
            timeout: TIMEOUT,
            soak: None,
            keep: Keep::Running,
            no_chat: false,
            reason: Some("the demo".to_owned()),
            force: false,
        };
        let promote = Box::pin(promote::promote(&arguments, context));
        self.timeline.act(format!("Promote {}", waiting.version), &context.printer, promote).await?;
        Ok(())
    }
}

async fn compile(project: &std::path::Path, recipe: &Recipe, printer: &Printer) -> Result<()> {
    for package in [recipe.artifact.package.as_str(), "veris-toe"] {
        let mut stage = printer.stage(format!("Compile {package}"));
        guest_binary::compile(project, package, &mut |line: &str| stage.update(line)).await?;
        stage.done("");
    }
    Ok(())
}

/// The first two versions nobody has baked: 1.0.0 and 1.1.0, or the minor versions that follow the newest image.
async fn versions(context: &Context) -> Result<[Version; 2]> {
    let images = images::find(context).await?;
    Ok(match images.first() {
        None => [Version::new(1, 0, 0), Version::new(1, 1, 0)],
        Some(newest) => [1, 2].map(|step| Version::new(newest.version.major, newest.version.minor + step, 0)),
    })
}

/// The settings a user would bring along. The demo's are made up; only root can read the file in the guest.
fn env_file() -> Result<NamedTempFile> {
    let write = || {
        let mut file = NamedTempFile::with_prefix("veris-demo-")?;
        writeln!(file, "# Made for the demo\nON_DISCONNECT=cancel")?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| internal("failed to write the demo's `.env`").source(error).into())
}

async fn chat<const N: usize>(context: &Context, url: &str, session: &str, messages: [&str; N]) -> Result<()> {
    for message in messages {
        let turn = chat::turn(url, session, message, &context.printer).await?;
        context.printer.talk(format_args!(
            "        ({} words, the first after {:.0} ms)",
            turn.words,
            turn.first_word.as_secs_f64() * 1000.0
        ));
    }
    Ok(())
}

/// What answers through the address must be `version`.
async fn prove(context: &Context, version: &Version) -> Result<()> {
    let address = crate::addresses::find(context).await?.ok_or_else(|| internal("the address is gone"))?;
    let endpoint = Endpoint { address: address.ip, port: context.recipe.port };
    let release = health::release(endpoint).await.map_err(unhealthy)?;
    if release.version != *version {
        return Err(unhealthy(format!("{} serves {}, not {version}", endpoint.url(), release.version)).into());
    }
    context.printer.talk(format_args!(
        "   GET {}/version: {} {}, digest {}, commit {}",
        endpoint.url(),
        release.service,
        release.version,
        health::short(&release.digest),
        release.commit
    ));
    Ok(())
}
