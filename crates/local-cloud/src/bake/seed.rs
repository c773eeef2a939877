//! The disk that tells the agent of a build or test instance what to do: a tar file with the component runner, the documents
//! and the scripts around them.

use std::io;
use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;

use super::plan::{Component, Plan};
use crate::cloud::Cloud;
use crate::fault::Fault;

/// Where the agent unpacks the seed.
const GUEST_DIRECTORY: &str = "/run/local-cloud-agent";
/// Where a guest reaches the cloud.
const ENDPOINT: &str = "http://169.254.170.2";

/// What an instance of a bake is for.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    Build,
    /// Tests this AMI.
    Test(String),
}

impl Stage {
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Test(_) => "Test",
        }
    }

    fn phases(&self) -> &'static [&'static str] {
        match self {
            Self::Build => &["build", "validate"],
            Self::Test(_) => &["test"],
        }
    }

    /// The image that the instance boots from.
    pub(super) fn ami<'a>(&'a self, plan: &'a Plan) -> &'a str {
        match self {
            Self::Build => &plan.parent_ami,
            Self::Test(ami) => ami,
        }
    }

    /// The components that have something to do in this stage, in the recipe's order.
    pub(super) fn components<'a>(&self, plan: &'a Plan) -> Vec<&'a Component> {
        let concerned =
            |component: &&Component| component.phases.iter().any(|phase| self.phases().contains(&phase.as_str()));
        plan.components.iter().filter(concerned).collect()
    }
}

/// Writes the tar file beside the state. It may be removed as soon as the instance is launched.
pub(super) fn write(
    cloud: &Cloud,
    plan: &Plan,
    stage: &Stage,
    components: &[&Component],
) -> Result<NamedTempFile, Fault> {
    let failed = |error: io::Error| Fault::internal(format!("failed to write the seed of the instance: {error}"));
    let file = NamedTempFile::with_prefix_in("seed-", &cloud.layout.directory).map_err(failed)?;
    pack(&file, &cloud.toe, plan, stage, components).map_err(failed)?;
    Ok(file)
}

fn pack(file: &NamedTempFile, toe: &Path, plan: &Plan, stage: &Stage, components: &[&Component]) -> io::Result<()> {
    let mut seed = tar::Builder::new(file);
    add(&mut seed, "run.sh", 0o755, include_bytes!("run.sh"))?;
    add(&mut seed, "sanitize.sh", 0o755, include_bytes!("sanitize.sh"))?;
    add(&mut seed, "settings", 0o644, settings(plan, stage, components.len()).as_bytes())?;
    add(&mut seed, "veris-toe", 0o755, &fs_err::read(toe)?)?;
    for (index, component) in components.iter().enumerate() {
        add(&mut seed, &format!("documents/{index}.yaml"), 0o644, component.data.as_bytes())?;
        let config = json!({"documents": [{
            "path": format!("{GUEST_DIRECTORY}/documents/{index}.yaml"),
            "parameters": component.parameters,
        }]});
        add(&mut seed, &format!("config/{index}.json"), 0o644, config.to_string().as_bytes())?;
    }
    seed.finish()
}

fn add(seed: &mut tar::Builder<&NamedTempFile>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    seed.append_data(&mut header, path, content)
}

/// What `run.sh` reads first: assignments of the shell.
fn settings(plan: &Plan, stage: &Stage, components: usize) -> String {
    let sanitize = matches!(stage, Stage::Build);
    format!(
        "phases={}\ncomponents={components}\nwork={}\nsanitize={}\nkeep={}\nexport AWS_REGION={}\n\
         export AWS_ENDPOINT_URL_S3={ENDPOINT}\nexport AWS_ENDPOINT_URL_SSM={ENDPOINT}\n",
        stage.phases().join(","),
        quoted(&plan.working_directory),
        yes(sanitize),
        yes(plan.infrastructure.terminate_instance_on_failure == Some(false)),
        quoted(&plan.region),
    )
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// A word of the shell that means exactly this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::bake::agent_log::{self, AgentLog};
    use crate::state::image_builder::ParameterValue;

    /// Says what it was told, and fails at the second document.
    const RUNNER: &str = "#!/bin/sh\n\
        echo \"[$5] [Step] $3\" >&2\n\
        printf '{\"status\":\"Failed\",\\n\"failureMessage\":\"no %s\"}' \"$(basename \"$3\")\"\n\
        case $3 in */1.json) exit 3;; esac\n";

    fn component(name: &str, phase: &str) -> Component {
        Component {
            arn: format!("arn:{name}"),
            name: name.to_owned(),
            data: format!("name: {name}"),
            phases: vec![phase.to_owned()],
            parameters: vec![ParameterValue { name: "Version".to_owned(), value: vec!["1.2.0".to_owned()] }],
        }
    }

    fn plan(work: &Path, components: Vec<Component>) -> Plan {
        Plan { components, working_directory: work.to_str().unwrap().to_owned(), ..Plan::sample() }
    }

    /// Unpacks the seed of a test instance and runs it here, as the agent would there.
    fn run(components: Vec<Component>) -> (AgentLog, String) {
        boot(RUNNER, components, 1)
    }

    /// The same over several boots.
    fn boot(script: &str, components: Vec<Component>, boots: usize) -> (AgentLog, String) {
        let directory = tempfile::tempdir().unwrap();
        let (runner, seed) = (directory.path().join("runner"), directory.path().join("seed"));
        fs_err::write(&runner, script).unwrap();
        let plan = plan(&directory.path().join("it's work"), components);
        let stage = Stage::Test("ami-1".to_owned());
        let file = NamedTempFile::new().unwrap();
        pack(&file, &runner, &plan, &stage, &stage.components(&plan)).unwrap();
        tar::Archive::new(fs_err::File::open(file.path()).unwrap()).unpack(&seed).unwrap();
        let script = format!("exec '{}' 2>&1", seed.join("run.sh").display());
        let remembered = directory.path().join("state");
        let mut text = String::new();
        for _ in 0..boots {
            let mut command = Command::new("sh");
            let output = command.arg("-c").arg(&script).env("LOCAL_CLOUD_AGENT_STATE", &remembered).output().unwrap();
            text.push_str(&String::from_utf8(output.stdout).unwrap());
        }
        let log = agent_log::parse(&text);
        assert_eq!(remembered.exists(), log.exit != Some(0), "what is done leaves nothing: {text}");
        (log, text)
    }

    #[test]
    fn components_run_in_order_until_one_fails() {
        let components = ["one", "two", "three"].map(|name| component(name, "test"));
        let (log, text) = run(components.into());
        assert_eq!(log.exit, Some(3), "{text}");
        let position = log.position.unwrap();
        assert_eq!((position.component, position.step.unwrap().1.as_str()), (1, "Step"), "{text}");
        assert_eq!(log.summary.unwrap().failure_message, "no 1.json");
        assert!(!log.sanitizing);
        assert!(text.ends_with("::exit 3\n"), "{text}");
    }

    /// Asks for a reboot at the second document, once.
    const REBOOTER: &str = "#!/bin/sh\n\
        echo \"$(basename \"$3\") ${11}\" | cut -c1-15 >&2\n\
        case $3 in */1.json) [ -e \"$9/asked\" ] || { touch \"$9/asked\"; exit 194; };; esac\n\
        printf '{\"status\":\"success\"}'\n";

    #[test]
    fn a_run_goes_on_after_a_reboot_where_it_was() {
        let components = ["one", "two", "three"].map(|name| component(name, "test"));
        let (log, text) = boot(REBOOTER, components.into(), 2);
        assert_eq!((log.reboots, log.exit), (1, Some(0)), "{text}");
        let (before, after) = text.split_once("::reboot\n").unwrap();
        assert!(after.starts_with("::component 1\n"), "{text}");
        let asked = before.lines().last().unwrap();
        assert_eq!(after.lines().nth(1), Some(asked), "the execution id is the same: {text}");
        assert!(asked.starts_with("1.json ") && !before.contains(&asked.replace('1', "0")), "{text}");
    }

    #[test]
    fn a_stage_without_work_ends_well() {
        let (log, text) = run(vec![component("install", "build")]);
        assert_eq!((log.exit, log.position), (Some(0), None), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_shell_reads_what_was_quoted(text in "[^\0]*") {
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(&text))).output().unwrap();
            prop_assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
