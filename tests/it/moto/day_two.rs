//! What an operator does between two launches.

use veris::commands::env::diff;
use veris::commands::launch::Launch;
use veris::commands::restart::{self, Restart};
use veris::commands::start::{self, Start};
use veris::commands::status::{Status, status};
use veris::commands::stop::{self, Stop};
use veris::commands::terminate::{self, Terminate};
use veris::commands::update;
use veris::exit_status::ExitStatus;
use veris::ledger::Keep;
use veris::{doctor, instances, setup};

use super::account::Account;
use crate::deploy::operator::fast;

#[tokio::test(flavor = "multi_thread")]
async fn the_live_instance_is_stopped_started_restarted_and_terminated() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0"]).await else { return };
    let ada = moto.operator();
    let context = &ada.context;
    let kept = ada.launch(&fast("1.0.0")).await.unwrap();
    let live = ada.launch(&Launch { keep: Keep::Running, ..fast("1.1.0") }).await.unwrap().instance_id;

    let asked = stop::run(Stop { target: None, yes: false }, context).await.unwrap_err().to_string();
    assert!(asked.contains("this would stop") && asked.contains(&live), "{asked}");
    stop::run(Stop { target: None, yes: true }, context).await.unwrap();
    assert_eq!((moto.state_of(&live).await.as_str(), moto.holder().await), ("stopped", live.clone()));
    let report = status(&Status {}, context).await.unwrap();
    assert_eq!((report.healthy, report.live.unwrap().instance_id), (false, live.clone()));

    start::run(Start { target: None, timeout: 20 }, context).await.unwrap();
    restart::run(Restart { target: Some("1.1.0".to_owned()), timeout: 20, yes: true }, context).await.unwrap();
    let report = status(&Status {}, context).await.unwrap();
    assert!(report.healthy, "{:?}", report.problem);
    let end = instances::console(&context.clients, &live, 1).await.unwrap();
    assert_eq!(end, ["Enabling fast FPU save and restore... done."], "the end of moto's only console");

    let terminate = |target: &str| Terminate { target: Some(target.to_owned()), yes: true, ..Terminate::default() };
    terminate::run(terminate("1.0.0"), context).await.unwrap();
    assert_eq!(moto.state_of(&kept.instance_id).await, "terminated");
    let refused = terminate::run(terminate("1.1.0"), context).await.unwrap_err().to_string();
    assert!(refused.contains("is live"), "{refused}");
    terminate::run(Terminate { live: true, ..terminate("1.1.0") }, context).await.unwrap();
    assert_eq!(moto.running().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_setup_prints_is_deployed_and_then_everything_is_there_that_a_launch_needs() {
    let Some(moto) = Account::without_setup() else { return };
    moto.register("1.0.0", "sha256:1").await;
    let ada = moto.operator();
    let context = &ada.context;
    let missing = async || {
        let checks = doctor::all(context).await;
        checks.into_iter().filter_map(|check| check.problem.map(|_| check.name)).collect::<Vec<_>>()
    };
    assert_eq!(missing().await, ["parent image", "bucket"]);
    update::update(false, context).await.unwrap();
    assert_eq!(missing().await, ["bucket", "launching"]);
    moto.deploy(&setup::template(&context.recipe, &context.environment).unwrap());
    assert_eq!(missing().await, [""; 0]);
    ada.launch(&fast("1.0.0")).await.unwrap();

    let diff = |file: &str| diff::Diff { target: None, env_file: Some(file.into()) };
    assert_eq!(diff::run(diff(&ada.env_file()), context).await.unwrap(), ExitStatus::Success);
    let other = moto.project.write("other.env", "QDRANT_URL=http://elsewhere\n");
    assert_eq!(diff::run(diff(other.to_str().unwrap()), context).await.unwrap(), ExitStatus::Unhealthy);
}
