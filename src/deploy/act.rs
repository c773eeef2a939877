//! One action of a deployment.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use super::drive::Deployment;
use super::next::{Action, Proof};
use crate::addresses::{self, Address};
use crate::error::{cloud, internal, unhealthy};
use crate::health::{self, Endpoint};
use crate::instances::{self, Instance};
use crate::ledger::{Kind, Origin};
use crate::printer::Stage;
use crate::tags;
use crate::verify;
use crate::wait::{self, Patience, Seen};

/// AWS needs a few seconds until a moved address leads to its new instance.
const ARRIVAL: Duration = Duration::from_mins(1);

/// An instance that served before answers at once, or, on a busy host, soon; otherwise something is wrong with it.
const KEPT: Duration = Duration::from_secs(30);

/// Bad looks in a row that end a soak: one alone can be the network's fault.
const BAD_LOOKS: u32 = 3;

/// Lines of the console that are shown of an instance that did not serve.
const CONSOLE_LINES: usize = 20;

impl Deployment<'_> {
    pub(super) async fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Run => self.run_instance().await,
            Action::StartNew => self.start_new().await,
            Action::ProveOwn => self.prove_own().await,
            Action::Move => self.move_address().await,
            Action::ProveThrough => self.prove_through().await,
            Action::Soak => self.soak().await,
            Action::Mark => self.mark().await,
            Action::StopOld => self.retire_old("Stop").await,
            Action::TerminateOld => self.retire_old("Terminate").await,
            Action::StartOld => self.start_old().await,
            Action::PutBack => self.put_back().await,
            Action::Free => self.free().await,
            Action::TerminateNew => self.terminate_new().await,
            Action::StopNew => self.stop_new().await,
            Action::End(_) | Action::Fail(_) => Err(internal("the end of a deployment is no action").into()),
        }
    }

    async fn run_instance(&mut self) -> Result<()> {
        let Some(user_data) = self.user_data.clone() else {
            return Err(internal("a deployment that creates an instance has no user data").into());
        };
        let (service, version) = (&self.image.service, &self.image.version);
        let stage = self.context.printer.stage(format!("Run an instance of {service} {version}"));
        let tag = super::Scene::tag(self.context.environment.name.as_str(), self.number);
        let nonce = self.lease.record().await.nonce;
        let confirm = async || self.lease.confirm().await;
        let id = instances::run(self.context, &self.image, &user_data, (&tag, &nonce), confirm).await?;
        stage.done(&id);
        self.new_id = Some(id);
        Ok(())
    }

    async fn start_new(&mut self) -> Result<()> {
        let id = self.new_id()?;
        self.lease.confirm().await?;
        let mut stage = self.context.printer.stage(format!("Start {id}"));
        instances::start(&self.context.clients, &id, self.context.pace.every, &mut stage).await?;
        stage.done("");
        Ok(())
    }

    /// Waits until it runs, answers as its image, and, where asked for, answers a question.
    async fn prove_own(&mut self) -> Result<()> {
        let (context, id) = (self.context, self.new_id()?);
        let every = context.pace.every;
        let is_kept = self.task.to.origin == Origin::Running;
        let instance = if let Some(instance) = self.new.clone().filter(|_| is_kept) {
            instance
        } else {
            let mut stage = context.printer.stage("Wait until it runs");
            let instance = instances::wait_until_running(&context.clients, &id, every, &mut stage).await?;
            stage.done("");
            instance
        };
        let Some(address) = self.own_address(&instance) else { return self.without_own_address() };
        let endpoint = Endpoint { address, port: context.recipe.port };
        let deadline = if is_kept && self.options.kind == Kind::Rollback { KEPT } else { self.options.timeout };
        let every = if is_kept { every / 3 } else { every };
        let mut stage = context.printer.stage(format!("Wait until {} answers", endpoint.url()));
        health::wait(endpoint, &self.image, Patience { deadline, every, streak: 3 }, &mut stage).await?;
        stage.done(format!("{} {}", self.image.service, self.image.version));
        if !is_kept {
            instances::refuse_impaired(&context.clients, &id).await?;
        }
        if self.options.chat {
            let stage = context.printer.stage("Ask it a question, through Bedrock");
            let answer = verify::chat(endpoint).await;
            answer.map_err(|problem| {
                unhealthy(problem).hint(
                    "the instance's role, or the model id and the region in `.env`, keep it from answering; a service without a \
                     chat is launched with `--no-chat`",
                )
            })?;
            stage.done("");
        }
        self.run.proof = Proof::Own;
        Ok(())
    }

    /// EC2 may go on showing the Elastic IP for an instance that it was taken from. Whoever answers there is another.
    fn own_address(&self, instance: &Instance) -> Option<Ipv4Addr> {
        let of_another = |address: &&Address| address.holder.as_deref() != Some(instance.instance_id.as_str());
        let taken = self.address.as_ref().filter(of_another).map(|address| address.ip);
        instance.public_ip.filter(|ip| Some(*ip) != taken)
    }

    /// EC2 can have taken a kept instance's own address; then the look through the Elastic IP decides, and undoes.
    fn without_own_address(&mut self) -> Result<()> {
        if self.task.to.origin != Origin::Created {
            self.run.proof = Proof::Own;
            return Ok(());
        }
        let id = self.new_id()?;
        Err(cloud(format!("instance {id} has no public address on which its service could be checked"))
            .hint("use a subnet that assigns public addresses")
            .into())
    }

    async fn move_address(&mut self) -> Result<()> {
        let id = self.new_id()?;
        let address = match self.address.clone() {
            Some(address) => address,
            None => addresses::find_or_allocate(self.context).await?,
        };
        self.lease.confirm().await?;
        let mut stage = self.context.printer.stage(format!("Move the address {}", address.ip));
        // Before the call: whatever becomes of its answer, it may have been done.
        self.run.moved = true;
        addresses::associate(&self.context.clients, &address, &id).await?;
        self.wait_behind(&address, Some(&id), &mut stage).await?;
        stage.done("");
        self.address = Some(address);
        Ok(())
    }

    async fn prove_through(&mut self) -> Result<()> {
        let address = self.address()?;
        let endpoint = Endpoint { address: address.ip, port: self.context.recipe.port };
        let mut stage = self.context.printer.stage(format!("Look at it through {}", address.ip));
        let deadline = ARRIVAL.min(self.options.timeout);
        let patience = Patience { deadline, every: self.context.pace.every / 3, streak: 3 };
        health::wait(endpoint, &self.image, patience, &mut stage).await?;
        stage.done("");
        self.run.proof = Proof::Through;
        Ok(())
    }

    /// Watches it behind the address. Clients meet it now, so that few bad looks in a row are enough.
    async fn soak(&mut self) -> Result<()> {
        let address = self.address()?;
        let endpoint = Endpoint { address: address.ip, port: self.context.recipe.port };
        let soak = self.options.soak;
        if !soak.is_zero() {
            let mut stage = self.context.printer.stage(format!("Watch it for {} s", soak.as_secs()));
            let (began, mut bad) = (tokio::time::Instant::now(), 0);
            while began.elapsed() < soak {
                match health::look(endpoint, &self.image).await {
                    Ok(()) => bad = 0,
                    Err(problem) => {
                        stage.update(&problem);
                        bad += 1;
                        if bad == BAD_LOOKS {
                            let seconds = began.elapsed().as_secs();
                            return Err(unhealthy(format!("after {seconds} s behind the address: {problem}")).into());
                        }
                    }
                }
                tokio::time::sleep(self.context.pace.every.min(soak)).await;
            }
            stage.done("");
        }
        self.run.proof = Proof::Soaked;
        Ok(())
    }

    /// From here on nothing is taken back: what fails is a warning.
    async fn mark(&mut self) -> Result<()> {
        self.run.marked = true;
        let (clients, id) = (&self.context.clients, self.new_id()?);
        let now = Timestamp::now().to_string();
        let new = self.new.as_ref();
        if new.is_none_or(|new| new.promoted_at.is_none()) {
            instances::tag(clients, &id, tags::PROMOTED_AT, &now).await?;
        }
        if new.is_some_and(|new| new.rolled_back_at.is_some()) {
            instances::untag(clients, &id, tags::ROLLED_BACK_AT).await?;
        }
        if let Some(left) = self.left_behind() {
            instances::tag(clients, &left.instance_id, tags::ROLLED_BACK_AT, &now).await?;
        }
        self.lease.ledger().publish(&self.image.image_id).await
    }

    /// The instance that a later roll back does not return to by itself: the one that was left by going back.
    fn left_behind(&self) -> Option<&Instance> {
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        let went_back = match self.task.to.origin {
            Origin::Created => self.options.kind == Kind::Rollback && self.image.version < old.version,
            _ => old.promoted_at.is_none() || old.promoted_at > new.promoted_at,
        };
        Some(old).filter(|_| self.options.kind == Kind::Rollback && went_back)
    }

    async fn retire_old(&mut self, verb: &str) -> Result<()> {
        self.run.retired = true;
        let Some(old) = self.old.clone() else { return Ok(()) };
        let mut stage = self.context.printer.stage(format!("{verb} {} ({})", old.instance_id, old.version));
        match verb {
            "Stop" => instances::stop(&self.context.clients, &old.instance_id).await?,
            _ => instances::terminate(&self.context.clients, &old.instance_id, &mut stage).await?,
        }
        stage.done("");
        Ok(())
    }

    async fn start_old(&mut self) -> Result<()> {
        let Some(old) = self.old.clone() else { return Ok(()) };
        let mut stage = self.context.printer.stage(format!("Start {}", old.instance_id));
        instances::start(&self.context.clients, &old.instance_id, self.context.pace.every, &mut stage).await?;
        stage.done("");
        Ok(())
    }

    async fn put_back(&mut self) -> Result<()> {
        let (address, Some(old)) = (self.address()?, self.old.clone()) else { return Ok(()) };
        self.lease.confirm().await?;
        let mut stage = self.context.printer.stage(format!("Put {} back behind {}", old.instance_id, address.ip));
        addresses::associate(&self.context.clients, &address, &old.instance_id).await?;
        self.wait_behind(&address, Some(&old.instance_id), &mut stage).await?;
        self.run.put_back = true;
        stage.done("");
        Ok(())
    }

    async fn free(&mut self) -> Result<()> {
        let address = self.address()?;
        self.lease.confirm().await?;
        let mut stage = self.context.printer.stage(format!("Free {}", address.ip));
        addresses::disassociate(&self.context.clients, &address).await?;
        self.wait_behind(&address, None, &mut stage).await?;
        stage.done("");
        Ok(())
    }

    async fn terminate_new(&mut self) -> Result<()> {
        let id = self.new_id()?;
        let holder = addresses::find(self.context).await?.and_then(|address| address.holder);
        if holder.as_deref() == Some(id.as_str()) && self.task.from.is_some() {
            return Err(cloud(format!("instance {id} is behind the address, so it is not terminated")).into());
        }
        let lines = instances::last_lines(&self.context.clients, &id, CONSOLE_LINES).await;
        if !lines.is_empty() {
            self.context.printer.talk(format_args!("The last lines of the console of {id}:"));
            for line in lines {
                self.context.printer.talk(format_args!("  {line}"));
            }
        }
        let mut stage = self.context.printer.stage(format!("Terminate {id}"));
        instances::terminate(&self.context.clients, &id, &mut stage).await?;
        stage.done("");
        Ok(())
    }

    async fn stop_new(&mut self) -> Result<()> {
        let id = self.new_id()?;
        let stage = self.context.printer.stage(format!("Stop {id} again"));
        instances::stop(&self.context.clients, &id).await?;
        stage.done("");
        Ok(())
    }

    /// EC2 may show for a while what was before.
    async fn wait_behind(&self, address: &Address, id: Option<&str>, stage: &mut Stage) -> Result<()> {
        let what = format!("EC2 shows {} behind {}", id.unwrap_or("nobody"), address.ip);
        let patience = Patience { deadline: ARRIVAL, every: self.context.pace.every / 3, streak: 1 };
        wait::until(patience, &what, stage, async || {
            let found = addresses::find(self.context).await?;
            let holder = found.and_then(|found| found.holder);
            let is_there = holder.as_deref() == id;
            let other = || Seen::NotYet(format!("{} is behind it", holder.as_deref().unwrap_or("nobody")));
            Ok(if is_there { Seen::Good(()) } else { other() })
        })
        .await
    }

    fn new_id(&self) -> Result<String> {
        self.new_id.clone().ok_or_else(|| internal("a deployment without an instance cannot go on").into())
    }

    fn address(&self) -> Result<Address> {
        self.address.clone().ok_or_else(|| internal("a deployment without an address cannot go on").into())
    }
}
