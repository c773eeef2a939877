//! A release for an account: from a committed tree and a pinned parent, or not at all.

use std::collections::BTreeMap;

use veris::aws::Clients;
use veris::bake::{self, Baked};
use veris::commands::update;
use veris::context::{Context, Pace};
use veris::environment::{Environment, EnvironmentName};
use veris::error::Report;
use veris::interrupt::Interrupt;
use veris::ledger::Process;
use veris::printer::{Output, Printer};
use veris::recipe::Recipe;

use crate::stand_in::Cloud;

/// An environment that behaves as one of AWS does, in the local cloud.
pub(crate) async fn account(cloud: &Cloud) -> Context {
    let project = fs_err::canonicalize(cloud.project.path()).unwrap();
    let recipe = Recipe::load(&project, &project.join("recipes/chat.yaml")).unwrap();
    let name: EnvironmentName = "prod".parse().unwrap();
    let environment = Environment { name, env: BTreeMap::new(), ..Environment::local() };
    let clients = Clients::of_local_cloud(&cloud.layout(), &environment).await.unwrap();
    let (printer, interrupt) = (Printer::new(Output::Text), Interrupt::install().unwrap());
    let journals = cloud.layout().directory.join("bakes");
    let (process, pace) = (Process::this(), Pace::default());
    Context { project, recipe, environment, clients, journals, printer, interrupt, process, pace }
}

async fn publish(context: &Context, image: &str) {
    let put = context.clients.ssm.put_parameter().name("/parents/newest").value(image).overwrite(true);
    put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
}

async fn refusal(context: &Context, options: bake::Options) -> String {
    Report::new(&bake::bake(context, options).await.unwrap_err()).to_string()
}

async fn baked(context: &Context, options: bake::Options) -> Baked {
    bake::bake(context, options).await.unwrap_or_else(|error| panic!("{}", Report::new(&error)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_starts_from_a_pinned_parent_and_a_committed_tree() {
    let Some(cloud) = Cloud::up() else { return };
    let parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    cloud.project.write("recipes/chat.yaml", &crate::support::RECIPE.replace(parameter, "/parents/newest"));
    cloud.commit();
    let context = account(&cloud).await;
    publish(&context, "ami-11111111111111111").await;

    insta::assert_snapshot!(refusal(&context, bake::Options::default()).await, @"
    error: `recipes/chat.lock` pins no parent image for environment `prod`

    hint: `veris update -e prod` pins the newest one; commit the file with the recipe
    ");
    let pinned = update::update(false, &context).await.unwrap();
    insta::assert_snapshot!(pinned, @"
    prod:
      + region  ap-southeast-2
      + parent  ssm:/parents/newest
      + image   ami-11111111111111111
      + name    al2023-ami-2023.9.20251117.0-kernel-6.12-x86_64
      + release 2023.9.20251117
    written to recipes/chat.lock; commit it
    ");
    insta::assert_snapshot!(fs_err::read_to_string(cloud.project.path().join("recipes/chat.lock")).unwrap(), @"
    # Written by `veris update`. Commit it: every bake outside the local cloud starts from what it pins.
    form: 1
    environments:
      prod:
        region: ap-southeast-2
        parent: ssm:/parents/newest
        image: ami-11111111111111111
        name: al2023-ami-2023.9.20251117.0-kernel-6.12-x86_64
        release: 2023.9.20251117
    ");

    cloud.project.write("config/chat.yaml", "port: 8001\n");
    let dirty = refusal(&context, bake::Options::default()).await;
    insta::assert_snapshot!(dirty.replace(&cloud.git(&["rev-parse", "HEAD"])[..12], "[COMMIT]"), @"
    error: the project differs from its commit [COMMIT], and environment `prod` is baked from committed files only:
      modified    config/chat.yaml
      untracked   recipes/chat.lock

    hint: commit or remove these changes, or bake them as `-dirty` with `--allow-dirty`
    ");
    let commit = cloud.commit();
    let first = baked(&context, bake::Options::default()).await;
    assert_eq!((&first.commit, first.created), (&commit, true));

    // Amazon publishes a newer image: nothing changes until the pin is moved.
    publish(&context, "ami-22222222222222222").await;
    let again = baked(&context, bake::Options::default()).await;
    assert_eq!((&again.image_id, again.created), (&first.image_id, false));
    insta::assert_snapshot!(update::update(true, &context).await.unwrap(), @"
    prod:
      - image   ami-11111111111111111
      + image   ami-22222222222222222
      - name    al2023-ami-2023.9.20251117.0-kernel-6.12-x86_64
      + name    al2023-ami-2023.12.20260930.0-kernel-6.12-x86_64
      - release 2023.9.20251117
      + release 2023.12.20260930
    recipes/chat.lock was left as it is
    ");
    let moved = update::update(false, &context).await.unwrap();
    assert_eq!(update::update(false, &context).await.unwrap().to_string().lines().count(), 1);
    let moved = serde_json::to_value(moved).unwrap();
    assert_eq!(moved["after"]["release"], crate::stand_in::RELEASES[1], "{moved}");
    assert_eq!((&moved["changed"], &moved["written"]), (&true.into(), &true.into()));
    assert!(cloud.fails(2, &["update"]).contains("nothing to pin"));

    // The lock is not committed yet. It can be tried, and then everybody sees it.
    let version = Some(semver::Version::new(1, 3, 0));
    let tried = baked(&context, bake::Options { version, allow_dirty: true, ..Default::default() }).await;
    assert_eq!(tried.commit, format!("{commit}-dirty"));
    let recipe = cloud.state()["image_builder"]["recipes"]["arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/chat/1.3.0"].clone();
    assert_eq!(recipe["parentImage"], "ami-22222222222222222", "{recipe}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_git_does_not_keep_is_no_release() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.project.write(".gitignore", "/target\n/units\n");
    cloud.git(&["rm", "--quiet", "--cached", "units/chat.service"]);
    cloud.commit();
    let context = account(&cloud).await;
    let refused = refusal(&context, bake::Options::default()).await;
    assert!(refused.contains("not in git  units/chat.service"), "{refused}");
    // The local cloud takes it, and says so.
    let output = cloud.veris(&["bake", "--output", "json"]).output().unwrap();
    let told = crate::stand_in::talk(&output);
    assert!(output.status.success() && told.contains("1 file differs from the commit"), "{told}");
    let local: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(local["commit"].as_str().unwrap().ends_with("-dirty"), "{local}");
}
