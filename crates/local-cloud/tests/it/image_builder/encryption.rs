//! Recipes that encrypt the root volume.

use super::*;

fn recipe(component: &str, ebs: &Value, name: &str) -> Value {
    json!({
        "name": name, "semanticVersion": "1.0.0", "parentImage": PARENT, "components": [{"componentArn": component}],
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": ebs}], "clientToken": name,
    })
}

#[tokio::test]
async fn a_recipe_names_its_key_in_any_form_and_says_that_it_encrypts() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let smoke = create_component(&client, "smoke", SMOKE).await;
    let arn = "arn:aws:kms:ap-southeast-2:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    for (number, ebs) in [
        json!({"encrypted": true}),
        json!({"encrypted": false}),
        json!({"encrypted": true, "kmsKeyId": "alias/mine"}),
        json!({"encrypted": true, "kmsKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}),
        json!({"encrypted": true, "kmsKeyId": arn}),
    ]
    .iter()
    .enumerate()
    {
        let made = put(&client, "CreateImageRecipe", recipe(&smoke, ebs, &format!("good-{number}"))).await;
        assert_eq!(made.status, 200, "{ebs}: {}", made.text());
        let made = members(&made)["imageRecipeArn"].as_str().unwrap().to_owned();
        let got = members(&on(&client, "GET", "GetImageRecipe", "imageRecipeArn", &made).await);
        assert_eq!(got["imageRecipe"]["blockDeviceMappings"][0]["ebs"], *ebs);
    }
    for (number, ebs) in [
        json!({"kmsKeyId": "alias/mine"}),
        json!({"encrypted": false, "kmsKeyId": "alias/mine"}),
        json!({"encrypted": true, "kmsKeyId": "mine"}),
        json!({"encrypted": true, "kmsKeyId": arn.replace("ap-southeast-2", "us-east-1")}),
    ]
    .iter()
    .enumerate()
    {
        let refused = put(&client, "CreateImageRecipe", recipe(&smoke, ebs, &format!("bad-{number}"))).await;
        assert_eq!(refused.code(), "InvalidParameterValueException", "{ebs}: {}", refused.text());
    }
}

/// The AMI is made of the build instance's volume, which is looked at here: nothing boots.
#[tokio::test]
async fn a_build_instance_has_the_volume_that_its_recipe_encrypts() {
    let directory = tempfile::tempdir().unwrap();
    let runner = directory.path().join("veris-toe");
    fs_err::write(&runner, "never run").unwrap();
    let cloud = Sandbox::with_runner(runner).await;
    let client = cloud.operator();
    let smoke = create_component(&client, "smoke", &SMOKE.replace("test", "build")).await;
    let key = "arn:aws:kms:ap-southeast-2:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let encrypted = recipe(&smoke, &json!({"encrypted": true, "kmsKeyId": key}), "locked");
    let made = members(&put(&client, "CreateImageRecipe", encrypted).await);
    let request = json!({
        "imageRecipeArn": made["imageRecipeArn"], "infrastructureConfigurationArn": create_infrastructure(&client).await,
        "clientToken": "image",
    });
    let made = members(&put(&client, "CreateImage", request).await);
    builds::ended(&client, made["imageBuildVersionArn"].as_str().unwrap()).await;
    let state: Value = serde_json::from_slice(&fs_err::read(cloud.layout.state()).unwrap()).unwrap();
    let instances: Vec<&Value> = state["instances"].as_object().unwrap().values().collect();
    assert_eq!((instances.len(), &instances[0]["kms_key"]), (1, &json!(key)), "{instances:?}");
}
