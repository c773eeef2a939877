//! One deployment, step by step, until it has ended.

use std::time::Instant;

use anyhow::{Error, Result};

use super::next::{Action, Behind, Cause, Course, Observed, Run, next};
use super::{Deployed, Options, Plan, Scene, Settings, recover};
use crate::addresses::{self, Address};
use crate::context::Context;
use crate::error::{Failure, cloud, internal, is_expiry};
use crate::health::Endpoint;
use crate::images::BakedImage;
use crate::instances::{self, Instance, State};
use crate::interrupt::Shield;
use crate::ledger::{Ending, Lease, Origin, Record, Task};
use crate::user_data::UserData;

/// With so many failures it is left to the next command. Fewer are borne: until it is taken back, clients meet what does not answer.
const MOST_FAILURES: u32 = 5;

/// No deployment needs as many; a cloud that answers one thing and does another must not be asked for ever.
const MOST_STEPS: u32 = 60;

/// A deployment under way.
pub(super) struct Deployment<'a> {
    pub(super) context: &'a Context,
    pub(super) lease: &'a Lease,
    pub(super) options: &'a Options,
    pub(super) task: Task,
    /// Its own number, which is not the lease's where it is taken over.
    pub(super) number: u32,
    pub(super) user_data: Option<UserData>,
    pub(super) image: BakedImage,
    pub(super) address: Option<Address>,
    pub(super) new: Option<Instance>,
    pub(super) old: Option<Instance>,
    /// The new instance's id, also while EC2 does not show it yet.
    pub(super) new_id: Option<String>,
    pub(super) run: Run,
    /// How often something has failed while it was taken back, or after it was marked as live.
    failures: u32,
    pub(super) warnings: Vec<String>,
}

impl<'a> Deployment<'a> {
    /// With what the scene shows, so that the first step needs no further look.
    pub(super) async fn begin(
        context: &'a Context,
        lease: &'a Lease,
        options: &'a Options,
        plan: Plan,
        scene: Scene,
    ) -> Result<Self> {
        let number = lease.record().await.number;
        let user_data = match plan.settings {
            Settings::None => None,
            Settings::Given(user_data) => Some(user_data),
            Settings::Of(instance_id) => match instances::user_data(&context.clients, &instance_id).await {
                Ok(user_data) => Some(user_data),
                Err(error) => {
                    lease.end(Ending::Undone, Some(&format!("{error:#}")), None).await?;
                    return Err(error);
                }
            },
        };
        let mut deployment = Self::of(context, lease, options, (number, plan.task), Run::new(Course::Forward));
        deployment.user_data = user_data;
        deployment.address = scene.address;
        deployment.recognise(scene.instances);
        Ok(deployment)
    }

    pub(super) fn of(
        context: &'a Context,
        lease: &'a Lease,
        options: &'a Options,
        (number, task): (u32, Task),
        run: Run,
    ) -> Self {
        let image = task.to.image(context.recipe.service.as_str());
        let new_id = task.to.instance_id.clone();
        let (address, new, old, user_data) = (None, None, None, None);
        let (failures, warnings) = (0, Vec::new());
        Self {
            context,
            lease,
            options,
            task,
            number,
            user_data,
            image,
            address,
            new,
            old,
            new_id,
            run,
            failures,
            warnings,
        }
    }

    /// Goes on until it has ended, and answers how where it ended well.
    pub(super) async fn carry_out(mut self, shield: &Shield, started: Instant) -> Result<Deployed> {
        let (ending, problem) = Box::pin(self.drive(shield)).await?;
        let told = problem.as_ref().map(|problem| format!("{problem:#}"));
        let record = self.lease.end(ending, told.as_deref(), self.new_id.as_deref()).await?;
        if let Some(problem) = problem {
            return Err(problem.context(self.how_it_failed(ending)));
        }
        let ip = match self.run.course {
            Course::Forward if !self.task.promote => self.new.as_ref().and_then(|new| new.public_ip),
            _ => self.address.as_ref().map(|address| address.ip),
        };
        let url = ip.map(|address| Endpoint { address, port: self.context.recipe.port }.url()).unwrap_or_default();
        let instance_id = self.new_id.clone().unwrap_or_default();
        let instance_type = self.new.as_ref().map(|new| new.instance_type.clone()).unwrap_or_default();
        let seconds = started.elapsed().as_secs_f64();
        self.tidy_ledger().await;
        Ok(Deployed { record, instance_id, instance_type, url, seconds, warnings: self.warnings })
    }

    /// Goes on until nothing is left to do. The problem is why it was taken back.
    pub(super) async fn drive(&mut self, shield: &Shield) -> Result<(Ending, Option<Error>)> {
        let mut problem: Option<Error> = None;
        let mut seen = self.seen();
        for _ in 0..MOST_STEPS {
            let result = match next(&self.task, seen, self.run) {
                Action::End(ending) => return Ok((ending, problem)),
                Action::Fail(cause) => Err(self.failed(cause).into()),
                // It must not end without its answer.
                Action::Run => Box::pin(self.act(Action::Run)).await,
                action if self.run.course == Course::Back || self.run.marked => Box::pin(self.act(action)).await,
                action => shield.run(Box::pin(self.act(action))).await,
            };
            if let Err(error) = result {
                problem = self.turn_back(error, problem).await?;
            }
            while let Err(error) = self.look().await {
                problem = self.turn_back(error, problem).await?;
            }
            seen = self.seen();
        }
        Err(internal(format!("deployment {} did not end in {MOST_STEPS} steps", self.number))
            .hint("EC2 does not show what was asked of it; look at the instances and the address, and run the command again")
            .into())
    }

    /// What could not be done is the reason to take back; what cannot be taken back is left to the next command.
    async fn turn_back(&mut self, error: Error, problem: Option<Error>) -> Result<Option<Error>> {
        let is_begun = self.run.marked || self.run.course == Course::Back;
        if !is_begun {
            // Whoever is taken over may have moved the address and not lived to say so.
            self.run.moved |= self.run.course == Course::Recover && self.task.promote;
            self.run.course = Course::Back;
            return Ok(Some(error));
        }
        self.failures += 1;
        let may_go_on = self.failures < MOST_FAILURES;
        if self.run.marked {
            if !may_go_on {
                return Err(error);
            }
            self.warnings.push(format!("{error:#}"));
            self.run.retired = true;
            return Ok(problem);
        }
        if may_go_on && !is_expiry(&error) {
            self.context.printer.talk(format_args!("{error:#}; trying again"));
            tokio::time::sleep(self.context.pace.every * 2_u32.pow(self.failures)).await;
            return Ok(problem);
        }
        let number = self.number;
        let unfinished = cloud(format!("deployment {number} could not be taken back: {error:#}")).hint(
            "run the same command again, or `veris promote`, `launch` or `rollback`: each of them finishes this first",
        );
        Err(problem.unwrap_or(error).context(unfinished))
    }

    pub(super) async fn look(&mut self) -> Result<()> {
        let service = self.context.recipe.service.to_string();
        let instances = instances::list(&self.context.clients, &service);
        let (address, instances) = tokio::try_join!(addresses::find(self.context), instances)?;
        self.address = address;
        self.recognise(instances);
        Ok(())
    }

    /// Finds the two instances of this deployment among all.
    pub(super) fn recognise(&mut self, instances: Vec<Instance>) {
        let tag = Scene::tag(self.context.environment.name.as_str(), self.number);
        let old_id = self.task.from.as_ref().map(|from| from.instance_id.clone());
        (self.new, self.old) = (None, None);
        for instance in instances {
            if Some(&instance.instance_id) == old_id.as_ref() {
                self.old = Some(instance);
            } else if Some(&instance.instance_id) == self.new_id.as_ref()
                || (self.task.to.origin == Origin::Created && instance.deployment.as_ref() == Some(&tag))
            {
                self.new_id = Some(instance.instance_id.clone());
                self.new = Some(instance);
            }
        }
    }

    fn seen(&self) -> Observed {
        let holder = self.address.as_ref().and_then(|address| address.holder.as_deref());
        let is = |id: Option<&str>| holder.is_some() && holder == id;
        let behind = match holder {
            None => Behind::Nobody,
            Some(_) if is(self.new_id.as_deref()) => Behind::New,
            Some(_) if is(self.task.from.as_ref().map(|from| from.instance_id.as_str())) => Behind::Old,
            Some(_) => Behind::Other,
        };
        let just_made = self.task.to.origin == Origin::Created && self.new_id.is_some();
        let made = just_made.then_some(State::Pending).filter(|_| self.run.course == Course::Forward);
        Observed {
            behind,
            // EC2 may not show for a while what it has just made; waiting until it runs tells more.
            new: self.new.as_ref().map(|new| new.state).or(made),
            old: self.old.as_ref().map(|old| old.state),
        }
    }

    fn failed(&self, cause: Cause) -> Failure {
        let id = self.new_id.as_deref().unwrap_or("that was to serve");
        match cause {
            Cause::Gone => {
                let state = self.new.as_ref().map_or("gone".to_owned(), |new| new.state.to_string());
                cloud(format!("instance {id} is {state} while it should serve"))
            }
            Cause::MovedByHand => cloud("somebody moved the address by hand in the meantime")
                .hint("`veris status` shows who is behind it; `--force` takes it over"),
        }
    }

    fn how_it_failed(&self, ending: Ending) -> String {
        let what = match (ending, &self.new_id, self.task.to.origin) {
            (Ending::Undone, Some(id), Origin::Created) => format!("instance {id} was terminated"),
            (Ending::Undone, Some(id), _) => format!("instance {id} is as it was"),
            (Ending::Undone, None, _) => "no instance was left".to_owned(),
            _ => "nobody is left to return to, so the new instance stays".to_owned(),
        };
        let before = match &self.task.from {
            Some(from) if ending == Ending::Undone => format!(", and {} serves as before", from.instance_id),
            _ => String::new(),
        };
        format!("the {} failed; {what}{before}", self.options.kind.noun())
    }

    async fn tidy_ledger(&mut self) {
        let ledger = self.lease.ledger();
        let service = self.context.recipe.service.as_str();
        let tidied = async {
            let (entries, all) = tokio::try_join!(ledger.read(), instances::list(&self.context.clients, service))?;
            recover::sweep(self.context, &entries, &all).await?;
            ledger.trim(&entries).await
        };
        if let Err(error) = tidied.await {
            self.warnings.push(format!("{error:#}"));
        }
    }
}

/// Ends a deployment that was taken over, in its own entry.
pub(super) async fn end_left(lease: &Lease, mut record: Record, ending: Ending, problem: &str) -> Result<()> {
    record.end(ending, Some(problem));
    lease.ledger().end(&record).await
}
