//! Components: rendered and refused before anything is created.

use std::path::Path;

use veris::component::Component;
use veris::recipe::{Recipe, check_unit};
use veris::template::{Artifact, Unit, Variables};

use crate::support::{Project, shown};

const GOOD: &str = "\
name: chat
schemaVersion: 1.0
parameters:
  - Version: {type: string}
  - Colour: {type: string, default: red}
phases:
  - name: build
    steps:
      <% for unit in units %>
      - name: Unit<{ loop.index }>
        action: S3Download
        inputs:
          - source: <{ unit.uri }>
            destination: /etc/systemd/system/<{ unit.name }>
      <% endfor %>
      - name: Release
        action: CreateFile
        inputs:
          - path: /etc/chat/release.json
            content: '{\"version\": \"{{ Version }}\"}'
";

fn variables() -> Variables {
    Variables {
        service: "chat".to_owned(),
        artifact: Artifact {
            uri: "s3://images/chat/artifacts/aa/chat".to_owned(),
            sha256: "aa".to_owned(),
            install_path: "/opt/chat/chat".to_owned(),
        },
        units: vec![Unit {
            name: "chat.service".to_owned(),
            uri: "s3://images/chat/artifacts/bb/chat.service".to_owned(),
            sha256: "bb".to_owned(),
        }],
        files: Vec::new(),
        env_file: "/etc/chat/.env".to_owned(),
        port: 8000,
        release: None,
    }
}

fn load(file: &str, text: &str) -> Result<Component, veris::error::Failure> {
    let project = Project::new();
    project.write(file, text);
    let service = project.load().unwrap().service;
    Component::load(project.path(), Path::new(file), &service, &variables())
}

#[test]
fn a_component_is_named_after_service_and_file_and_knows_its_parameters() {
    let component = load("components/20-install.yaml", GOOD).unwrap();
    assert_eq!(component.name, "chat-20-install");
    assert_eq!(component.parameters, ["Version", "Colour"]);
    insta::assert_snapshot!(component.text);
}

#[test]
fn what_image_builder_would_refuse_is_refused_here() {
    let refused = |text: &str| shown(load("components/20-install.yaml", text).unwrap_err());
    insta::assert_snapshot!(
        [
            refused(&GOOD.replace("unit.uri", "unit.url")),
            refused(&GOOD.replace("<% endfor %>", "")),
            refused(&GOOD.replace("schemaVersion: 1.0", "schemaVersion: 2.0")),
            refused(&GOOD.replace("schemaVersion: 1.0\n", "")),
            refused(&GOOD.replace("phases:", "phases: [")),
            refused(&GOOD.replace(", default: red", "")),
            refused(&GOOD.replace("S3Download", "S3Downlaod")),
            refused(&format!("{GOOD}# {}\n", "x".repeat(16_000))),
            refused("\n"),
            shown(load("components/Install It.yaml", GOOD).unwrap_err()),
        ]
        .join("\n")
    );
}

#[test]
fn the_projects_own_components_can_be_baked() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = Recipe::load(project, &project.join("recipes/veris-chat.yaml")).unwrap();
    for path in &recipe.components {
        let component = Component::load(project, path, &recipe.service, &variables()).unwrap();
        // A line of a template must not shift the YAML below it.
        assert!(!component.text.contains("<%") && !component.text.contains("<{"), "{}", component.text);
    }
    for path in &recipe.units {
        let text = fs_err::read_to_string(project.join(path)).unwrap();
        assert_eq!(check_unit(&text, Some(&recipe.artifact.install_path)), []);
    }
}
