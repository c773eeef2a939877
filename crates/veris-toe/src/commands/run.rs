//! `veris-toe run`

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use veris_toe::environment::Aws;
use veris_toe::execute::{self, Outcome, Surroundings};
use veris_toe::interrupt::Interrupt;
use veris_toe::orphans;
use veris_toe::report::Status;
use veris_toe::request::{
    Assignment, Config, ExecutionId, LogBucket, Request, RequestError, check_phases, parse_parameters, refuse_service,
};

use super::Failure;
use crate::cli::{LogBucketArguments, RunArguments};

/// As AWSTOE hands it to the SSM agent.
const REBOOT: u8 = 194;

pub(crate) fn run(arguments: RunArguments) -> Result<ExitCode, Failure> {
    let reboots = arguments.reboot;
    let (request, trace) = request(arguments)?;
    let aws = Aws::from_variables(|name| env::var(name).ok())?;
    let interrupt = Arc::new(Interrupt::default());
    hear_signals(&interrupt);
    // A kernel without subreapers leaves daemons of steps to the machine, as AWSTOE does.
    let adopts = orphans::adopt().is_ok();
    let outcome = execute::run(&request, Surroundings { aws, interrupt, mirror: Box::new(io::stderr()), trace });
    if adopts {
        orphans::end_all();
    }
    let Outcome { summary, incomplete_logs, not_copied } = outcome?;
    let mut line = serde_json::to_vec(&summary).unwrap_or_default();
    line.push(b'\n');
    // The exit code and the logs say it too, should nobody read this.
    let _ = io::stdout().write_all(&line);
    if summary.status == Status::RebootRequired {
        return reboot(reboots);
    }
    match (incomplete_logs, not_copied) {
        (Some(error), _) => Err(error.into()),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Ok(ExitCode::from(u8::from(summary.status == Status::Failed))),
    }
}

/// Whoever runs us reboots the machine and runs the same command again, unless it asked us to reboot.
fn reboot(by_us: bool) -> Result<ExitCode, Failure> {
    if by_us {
        let failure = match Command::new("systemctl").arg("reboot").stdin(Stdio::null()).status() {
            Ok(status) if status.success() => None,
            Ok(status) => Some(io::Error::other(status.to_string())),
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            return Err(Failure::reboot(&error));
        }
    }
    Ok(ExitCode::from(REBOOT))
}

/// What the command line says comes before what the configuration says.
fn request(arguments: RunArguments) -> Result<(Request, bool), RequestError> {
    refuse_service(arguments.services.given())?;
    let config = arguments.config.as_deref().map(Config::read).transpose()?;
    let documents = if let Some(config) = &config {
        config.assignments()?
    } else {
        let parameters = arguments.parameters.as_deref().map(parse_parameters).transpose()?.unwrap_or_default();
        let read = |path: &PathBuf| Assignment::read(path, parameters.clone());
        arguments.documents.iter().map(read).collect::<Result<_, _>>()?
    };
    let settings = config.as_ref();
    let configured = settings.and_then(|config| config.phases.as_ref());
    let configured = configured.map(|phases| phases.split(',').map(|phase| phase.trim().to_owned()).collect());
    let phases = Some(arguments.phases).filter(|phases| !phases.is_empty()).or(configured);
    if let Some(phases) = &phases {
        check_phases(phases, &documents)?;
    }
    let id = arguments.execution_id.or(settings.and_then(|config| config.execution_id.clone()));
    let log_directory = arguments.log_directory.or(settings.and_then(|config| config.log_directory.clone()));
    let request = Request {
        documents,
        phases,
        log_directory: log_directory.unwrap_or_else(|| PathBuf::from(".")),
        state_directory: arguments.state_directory.or(settings.and_then(|config| config.state_directory.clone())),
        execution_id: id.map_or_else(ExecutionId::random, |id| id.parse())?,
        log_bucket: log_bucket(arguments.log_bucket, settings)?,
    };
    Ok((request, arguments.trace || settings.is_some_and(|config| config.trace)))
}

fn log_bucket(given: LogBucketArguments, config: Option<&Config>) -> Result<Option<LogBucket>, RequestError> {
    let configured = |setting: fn(&Config) -> &Option<String>| config.and_then(|config| setting(config).clone());
    let owner = given.owner.or(configured(|config| &config.log_s3_bucket_owner));
    let prefix = given.prefix.or(configured(|config| &config.log_s3_key_prefix));
    match given.bucket.or(configured(|config| &config.log_s3_bucket_name)).filter(|name| !name.is_empty()) {
        Some(name) => Ok(Some(LogBucket { name, prefix: prefix.unwrap_or_default(), owner })),
        None if owner.is_some() || prefix.is_some() => Err(RequestError::NoLogBucket),
        None => Ok(None),
    }
}

/// Without handlers a signal still ends this process, but not what it started.
fn hear_signals(interrupt: &Arc<Interrupt>) {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGXFSZ]) else {
        return;
    };
    let interrupt = Arc::clone(interrupt);
    // A log that grew to the limit on the size of files is an error of its write; the signal alone would end the run.
    let mut asked = move |signal| {
        if signal != SIGXFSZ {
            interrupt.request(signal);
        }
    };
    thread::spawn(move || signals.forever().for_each(&mut asked));
}
