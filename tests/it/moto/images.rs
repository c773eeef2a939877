//! What a bake needs of S3 and the Parameter Store, and what old versions leave there. moto has no Image Builder.

use std::time::Duration;

use aws_sdk_ec2::types::{ImageAttributeName, LaunchPermission, LaunchPermissionModifications, PermissionGroup};
use serde_json::Value;
use veris::bake::{self, Options};
use veris::commands::images::{self, Images};
use veris::commands::update;
use veris::error::Report;
use veris::ledger::Keep;
use veris::{gc, prune};

use super::account::Account;
use crate::deploy::operator::fast;
use crate::stand_in::commit;
use veris::commands::launch::Launch;

#[tokio::test(flavor = "multi_thread")]
async fn a_bake_finds_its_image_and_publishes_it_and_takes_back_what_image_builder_refuses() {
    let Some(moto) = Account::open() else { return };
    let mut ada = moto.operator();
    let context = &ada.context;
    update::update(false, context).await.unwrap();
    commit(moto.project.path());

    let refused = Report::new(&bake::bake(context, Options::default()).await.unwrap_err()).to_string();
    assert!(refused.contains("moto has no Image Builder, so CreateComponent makes nothing"), "{refused}");
    assert_eq!(moto.objects().await, [""; 0], "artifacts are left");

    let explained = bake::explain(context, Options::default()).await.unwrap();
    let explained: Value = serde_json::to_value(&explained).unwrap();
    let image = moto.register("1.2.3", explained["digest"].as_str().unwrap()).await;
    // What was registered by hand has no manifest that its disk could be held against.
    let options = Options { skip_disk_check: true, ..Options::default() };
    bake::bake(context, options).await.unwrap();
    for name in ["1.2.3", "latest"] {
        let parameter = moto.parameter(&format!("/veris/chat/images/{name}")).await.unwrap();
        assert_eq!((parameter.value(), parameter.data_type()), (Some(image.as_str()), Some("aws:ec2:image")));
    }

    ada.context.recipe.distribution.accounts = vec!["111122223333".to_owned()];
    bake::bake(&ada.context, Options::default()).await.unwrap();
    let ec2 = &ada.context.clients.ec2;
    let attribute = ec2.describe_image_attribute().image_id(&image).attribute(ImageAttributeName::LaunchPermission);
    let shared = attribute.send().await.unwrap();
    assert_eq!(shared.launch_permissions()[0].user_id(), Some("111122223333"));
    let everybody = LaunchPermission::builder().group(PermissionGroup::All).build();
    let open = LaunchPermissionModifications::builder().add(everybody).build();
    ec2.modify_image_attribute().image_id(&image).launch_permission(open).send().await.unwrap();
    let refused = Report::new(&bake::bake(&ada.context, Options::default()).await.unwrap_err()).to_string();
    assert!(
        refused.contains("is public: anybody can launch it") && refused.contains("reset-image-attribute"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_go_with_their_parameters_and_manifests_and_what_is_used_stays() {
    let Some(moto) = Account::with_versions(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"]).await else { return };
    let ada = moto.operator();
    let context = &ada.context;
    let clients = &context.clients;
    for (number, version) in ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "9.9.9"].into_iter().enumerate() {
        let put = clients.ssm.put_parameter().name(format!("/veris/chat/images/{version}")).value("ami-1");
        put.r#type("String".into()).send().await.unwrap();
        let key = format!("chat/manifests/sha256:{:064}/outcome.json", number + 1);
        let put = clients.s3.put_object().bucket(&context.environment.bucket).key(key);
        put.body(b"{}".to_vec().into()).send().await.unwrap();
    }
    ada.launch(&fast("1.1.0")).await.unwrap();
    ada.launch(&Launch { keep: Keep::None, ..fast("1.2.0") }).await.unwrap();
    Box::pin(images::run(Images {}, context)).await.unwrap();

    let plan = prune::plan(context, 1).await.unwrap();
    let going: Vec<_> = plan.remove.iter().map(|old| old.version.to_string()).collect();
    assert_eq!(going, ["1.0.0"], "{:?}", plan.keep);
    prune::carry_out(context, &plan).await.unwrap();
    assert_eq!(moto.image("1.0.0").await, None);
    assert!(moto.parameter("/veris/chat/images/1.0.0").await.is_none());
    assert_eq!(moto.objects().await.len(), 4);

    // What nobody baked on this machine, and no image needs.
    let plan = gc::plan(context, Duration::ZERO).await.unwrap();
    assert_eq!(plan.remove.len(), 2, "{plan:?}");
    gc::carry_out(context, &plan).await.unwrap();
    assert!(moto.parameter("/veris/chat/images/9.9.9").await.is_none());
    assert!(moto.parameter("/veris/chat/images/1.1.0").await.is_some());
    assert_eq!(moto.objects().await.len(), 3);
}
