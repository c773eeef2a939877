//! Recipes: a good one is understood whole, and each mistake is named with its place and its cure.

use std::path::Path;

use veris::environment::{ElasticIp, Environment, EnvironmentName, Target};
use veris::recipe::{ParentImage, Recipe};

use crate::support::{Project, shown};

#[test]
fn the_projects_own_recipe_names_what_production_runs_on() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = Recipe::load(project, &project.join("recipes/veris-chat.yaml")).unwrap();
    assert_eq!(recipe.service.as_str(), "veris-chat");
    assert!(matches!(recipe.parent, ParentImage::SsmParameter(_)));
    let prod = recipe.environment(&"prod".parse().unwrap()).unwrap();
    assert_eq!((prod.target, prod.region.as_str()), (Target::Aws, "ap-southeast-2"));
    assert_eq!(prod.address, ElasticIp::Fixed("54.66.111.21".parse().unwrap()));
    assert_eq!(prod.env["AWS_REGION"], "us-east-1");
}

#[test]
fn the_local_environment_is_built_in() {
    let recipe = Project::new().load().unwrap();
    assert_eq!(recipe.environment(&EnvironmentName::local()).unwrap(), &Environment::local());
}

#[test]
fn an_environment_that_is_not_declared_is_refused_with_those_that_are() {
    let mut recipe = Project::new().load().unwrap();
    recipe.path = "recipes/chat.yaml".into();
    let error = recipe.environment(&"staging".parse().unwrap()).unwrap_err();
    insta::assert_snapshot!(shown(error), @"
    error: recipe `recipes/chat.yaml` has no environment `staging`

    hint: choose one of `local`, `prod`, or declare it under `environments:`
    ");
}

#[test]
fn a_recipe_that_is_not_there_is_an_error_with_its_path() {
    let error = Recipe::load(Path::new("."), Path::new("recipes/absent.yaml")).unwrap_err();
    insta::assert_snapshot!(shown(error), @"
    error: failed to read the recipe `recipes/absent.yaml`: failed to open file `recipes/absent.yaml`: No such file or directory (os error 2)

    hint: run veris inside a project, a folder with `recipes/`
    ");
}

#[test]
fn mistakes_of_spelling_and_form_are_named_with_line_and_column() {
    let project = Project::new();
    insta::assert_snapshot!(
        [
            project.complaint("port: 8000", "prot: 8000"),
            project.complaint("    region: ap", "    regoin: ap"),
            project.complaint("glibc: \"2.34\"\n", ""),
            project.complaint("port: 8000", "port: 8000\nport: 8001"),
            project
                .complaint("      AWS_REGION: us-east-1", "      AWS_REGION: us-east-1\n      AWS_REGION: us-east-2"),
            project.complaint("units:\n", "units: {\n"),
            project.complaint("port: 8000", "port: many"),
        ]
        .join("\n")
    );
}

#[test]
fn every_value_is_checked_and_the_cure_says_what_to_write() {
    let project = Project::new();
    let changes = [
        ("service: chat", "service: Chat Server"),
        ("version: 1.2.3", "version: 1.2.3-rc.1"),
        ("version: 1.2.3", "version: \"1.2\""),
        ("  ssm_parameter: /aws", "  ssm_parameter: aws"),
        ("  ssm_parameter: /aws", "  ami: ami-00a51cc7a8cd53e3f\n  ssm_parameter: /aws"),
        ("\"2.34\"", "new"),
        ("/opt/chat/chat", "opt/chat/chat"),
        ("units/chat.service", "/etc/systemd/system/chat.service"),
        ("units/chat.service", "../units/chat.service"),
        ("\"0644\"", "644"),
        ("/dev/xvda", "xvda"),
        ("size_gib: 30", "size_gib: 0"),
        ("type: gp3", "type: floppy"),
        ("port: 8000", "port: 80000"),
        ("region: ap-southeast-2", "region: Sydney"),
        ("instance_type: t3.large", "instance_type: large"),
        ("    instance_type: t3.large\n", ""),
        ("instance_type: t3.large", "instance_types: []"),
        ("instance_type: t3.large", "instance_types: [t3.large, large, t3.large]"),
        ("instance_type: t3.large", "instance_type: t3.large\n    instance_types: [t3a.large]"),
        ("instance_type: t3.large", "instance_type: t3.large\n    subnets: [subnet-1]"),
        ("sg-0fed3f02e16c4f50e", "sg-chat"),
        ("address: 192.0.2.21", "address: chat.example.org"),
        ("bucket: images-prod", "bucket: Images"),
        ("AWS_REGION: us-east-1", "AWS-REGION: us-east-1"),
        ("AWS_REGION: us-east-1", "AWS_REGION: \"us-east-1\\nEVIL=1\""),
        ("  prod:", "  Prod:"),
        ("  prod:", "  local:"),
    ];
    let complaints = changes.map(|(from, to)| project.complaint(from, to));
    insta::assert_snapshot!(complaints.join("\n"));
}

#[test]
fn what_aws_would_refuse_of_a_distribution_is_said_before_the_bake() {
    let project = Project::new();
    let with = |volume: &str, distribution: &str| {
        project.complaint("  type: gp3\n", &format!("  type: gp3\n{volume}distribution:\n{distribution}"))
    };
    let named = |key: &str| format!("  encrypted: true\n  kms_key_id: {key}\n");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    insta::assert_snapshot!(
        [
            with("", "  regions: [us-west-2, Oregon, us-west-2]\n  accounts: [\"1234\", \"all\"]\n"),
            with("  encrypted: true\n", "  accounts: [\"111122223333\"]\n"),
            with(&named(id), "  regions: [us-west-2]\n"),
            with(&named("alias/aws/ebs"), "  regions: []\n"),
            with("  encrypted: maybe\n", "  region: us-west-2\n"),
            with("  kms_key_id: alias/veris\n", "  regions: [us-west-2]\n"),
            project.complaint("    bucket:", "    image_owner: me\n    bucket:"),
        ]
        .join("\n")
    );
}

#[test]
fn a_recipe_says_where_its_images_go_and_by_which_key_they_are_encrypted() {
    let project = Project::new();
    let more = "  type: gp3\n  encrypted: true\n  kms_key_id: alias/veris\ndistribution:\n  regions: [us-west-2]\n  accounts: [111122223333]\n";
    project.write("recipes/chat.yaml", &crate::support::RECIPE.replace("  type: gp3\n", more));
    let recipe = project.load().unwrap();
    assert_eq!(recipe.volume.encryption.unwrap().as_str(), "alias/veris");
    assert_eq!(recipe.distribution.regions, ["us-west-2"]);
    assert_eq!(recipe.distribution.accounts, ["111122223333"]);
}

#[test]
fn what_an_environment_asks_of_images_names_the_key_where_it_asks_for_a_signature() {
    let project = Project::new();
    let asking = |lines: &str| project.complaint("    bucket:", &format!("    {lines}\n    bucket:"));
    insta::assert_snapshot!(
        [
            asking("require: [proven, notarised]"),
            asking("require: proven"),
            asking("require: [proven, signed]"),
            asking("require: [proven]\n    public_key: release.pub.pem"),
            asking("require: [signed]\n    public_key: /etc/release.pub.pem"),
        ]
        .join("\n"),
        @"
    error: recipes/chat.yaml:32:23: environments.prod.require[1]: `notarised` is not a requirement of images

    hint: write `proven`, `signed`, or both

    error: recipes/chat.yaml:32:14: environments.prod.require: a text stands where a list is expected

    hint: begin each entry with `- `

    error: recipes/chat.yaml:26:5: environments.prod: `require` names `signed` and `public_key` names the key, or neither does

    hint: write `require: [proven, signed]` and `public_key: release.pub.pem`

    error: recipes/chat.yaml:26:5: environments.prod: `require` names `signed` and `public_key` names the key, or neither does

    hint: write `require: [proven, signed]` and `public_key: release.pub.pem`

    error: recipes/chat.yaml:33:17: environments.prod.public_key: `/etc/release.pub.pem` is not a path inside the project

    hint: write a relative path without `..`, such as `units/veris-chat.service`
    "
    );
    let recipe = crate::support::RECIPE;
    let asked = "    require: [proven, signed]\n    public_key: keys/release.pub.pem\n    bucket:";
    project.write("recipes/chat.yaml", &recipe.replace("    bucket:", asked));
    let recipe = project.load().unwrap();
    let require = &recipe.environment(&"prod".parse().unwrap()).unwrap().require;
    assert_eq!((require.proven, require.signed.as_deref()), (true, Some(Path::new("keys/release.pub.pem"))));
}

#[test]
fn types_and_subnets_are_named_in_the_order_in_which_they_are_wanted() {
    let project = Project::new();
    let places = |several: &str| {
        let recipe = crate::support::RECIPE.replace("    instance_type: t3.large\n", several);
        project.write("recipes/chat.yaml", &recipe);
        let recipe = project.load().unwrap();
        let environment = recipe.environment(&"prod".parse().unwrap()).unwrap();
        environment.places().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(places("    instance_type: t3.large\n"), "t3.large");
    let (one, other) = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1");
    assert_eq!(places(&format!("    instance_type: t3.large\n    subnet: {one}\n")), format!("t3.large in {one}"));
    assert_eq!(
        places(&format!("    instance_types: [t3.large, m5.large]\n    subnets: [{one}, {other}]\n")),
        format!("t3.large in {one}, t3.large in {other}, m5.large in {one}, m5.large in {other}")
    );
}

#[test]
fn lists_are_checked_too() {
    let project = Project::new();
    project.write("more/10-base.yaml", "# empty\n");
    insta::assert_snapshot!(
        [
            project.complaint("components/20-chat.yaml", "components/30-absent.yaml"),
            project.complaint("config/chat.yaml", "config/absent.yaml"),
            project.complaint("components/20-chat.yaml", "more/10-base.yaml"),
            project.complaint("/etc/chat/config.yaml", "/etc/chat/.env"),
            project.complaint("units:\n  - units/chat.service", "units: []"),
        ]
        .join("\n")
    );
}
