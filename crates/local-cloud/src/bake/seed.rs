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
        "phases={}\ncomponents={components}\nwork={}\nsanitize={}\nexport AWS_REGION={}\nexport AWS_ENDPOINT_URL_S3={ENDPOINT}\n",
        stage.phases().join(","),
        quoted(&plan.working_directory),
        if sanitize { "yes" } else { "no" },
        quoted(&plan.region),
    )
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_shell_reads_what_was_quoted(text in "[^\0]*") {
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(&text))).output().unwrap();
            prop_assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
