//! What is in an image can be told, compared, and explained before it is baked.

use std::process::Command;

use crate::python;
use crate::stand_in::{Cloud, talk};

/// What a command that must succeed prints; what differs at each run is named.
fn told(cloud: &Cloud, arguments: &[&str]) -> String {
    let output = cloud.veris(arguments).output().unwrap();
    assert!(output.status.success(), "veris {arguments:?}: {}", talk(&output));
    let mut text = String::from_utf8(output.stdout).unwrap();
    for digits in [64, 40, 17, 12] {
        let mut from = 0;
        while let Some(at) = hexadecimal(&text[from..], digits).map(|at| from + at) {
            text.replace_range(at..at + digits, "[HEX]");
            from = at + 5;
        }
    }
    text
}

/// Where a word of just so many hexadecimal digits begins.
fn hexadecimal(text: &str, digits: usize) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let starts = text.char_indices().filter(|(at, c)| is_word(*c) && !text[..*at].ends_with(is_word));
    starts.map(|(at, _)| at).find(|at| {
        let word: String = text[*at..].chars().take_while(|c| is_word(*c)).collect();
        word.len() == digits && word.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
    })
}

#[test]
fn an_image_is_shown_compared_and_explained() {
    let Some(cloud) = Cloud::up() else { return };
    insta::assert_snapshot!(told(&cloud, &["bake", "--explain"]), @"version 1.2.3 would be the first image (digest [HEX])");
    cloud.json(&["bake"]);
    insta::assert_snapshot!(told(&cloud, &["bake", "--explain"]), @"version 1.2.3 is baked already as ami-[HEX]: nothing changed (digest [HEX])");
    assert!(
        told(&cloud, &["bake", "--explain", "--version", "1.3.0"])
            .starts_with("nothing changed since 1.2.3 but the version")
    );

    cloud.project.write("config/chat.yaml", "port: 8000\nworkers: 4\n");
    cloud.project.write("src/main.rs", "fn main() { println!(\"more\") }\n");
    cloud.project.write("units/chat.timer", "[Timer]\nOnBootSec=60\n");
    let recipe =
        crate::support::RECIPE.replace("  - units/chat.service", "  - units/chat.service\n  - units/chat.timer");
    cloud.project.write("recipes/chat.yaml", &recipe.replace("size_gib: 30", "size_gib: 40"));
    let explained = told(&cloud, &["bake", "--explain", "--version", "1.3.0"]);
    insta::assert_snapshot!(explained, @"
    since 1.2.3 changed (digest [HEX]):
    binary     /opt/chat/chat: [HEX] -> [HEX]
    unit       /etc/systemd/system/chat.timer: new, [HEX]
    file       /etc/chat/config.yaml: [HEX] mode 0644 -> [HEX] mode 0644
        @@ -1 +1,2 @@
         port: 8000
        +workers: 4
    recipe     volume.size_gib: 30 -> 40
    ");

    let before = cloud.state();
    let baked = cloud.veris(&["bake", "--version", "1.3.0"]).output().unwrap();
    let talk = crate::stand_in::talk(&baked);
    assert!(baked.status.success() && talk.contains("build: ApplyBuildComponents (last time "), "{talk}");
    assert_ne!(cloud.state(), before);
    let differ = told(&cloud, &["diff", "1.2.3", "1.3.0"]);
    assert_eq!(explained.split_once('\n').unwrap().1, differ, "what was explained is what is different");
    assert_eq!(told(&cloud, &["diff", "1.2.3", "1.2.3"]), "1.2.3 and 1.2.3 differ in nothing but their versions\n");

    let shown = cloud.json(&["show", "1.3.0"]);
    assert_eq!(shown["outcome"]["imageId"], shown["image"]["imageId"], "{shown}");
    assert_eq!(shown["record"]["digest"], shown["image"]["digest"]);
    let shown = told(&cloud, &["show", "1.3.0"]);
    let (baked, shown): (Vec<&str>, Vec<&str>) = shown.lines().partition(|line| line.starts_with("baked  "));
    assert_eq!(baked.len(), 1, "{shown:?}");
    // The binary's size is the compiler's affair.
    let shown: Vec<&str> = shown.into_iter().filter(|line| !line.starts_with("binary ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    image    ami-[HEX] (available)
    service  chat 1.3.0
    digest   [HEX]
    commit   [HEX]-dirty
    parent   ami-[HEX] local-cloud-parent-[HEX]
    volume   40 GiB gp3
    crates   1 in the binary
    disk     clean, 30 files

    INPUT      NAME                              MODE  BYTES   SHA-256
    unit       /etc/systemd/system/chat.service  0644  35      [HEX]
    unit       /etc/systemd/system/chat.timer    0644  21      [HEX]
    file       /etc/chat/config.yaml             0644  22      [HEX]
    component  components/10-base.yaml                 420     [HEX]
    component  components/20-chat.yaml                 576     [HEX]
    ");
    assert!(cloud.fails(2, &["show", "9.9.9"]).contains("there is no image of chat 9.9.9"));
}

#[test]
fn what_is_baked_is_what_is_kept_in_the_bucket() {
    let Some(cloud) = Cloud::up() else { return };
    let baked = cloud.json(&["bake"]);
    let shown = cloud.json(&["show"]);
    let buckets = cloud.layout().buckets().join("veris-local/chat");
    let manifest = serde_json::to_string_pretty(&shown["record"]["manifest"]).unwrap() + "\n";
    let digest = veris::digest::Sha256Digest::of(&manifest);
    let artifact = buckets.join(format!("artifacts/{digest}/manifest.json"));
    assert_eq!(fs_err::read_to_string(artifact).unwrap(), manifest);
    let document = buckets.join(format!("manifests/{}", baked["digest"].as_str().unwrap()));
    assert_eq!(fs_err::read_to_string(document.join("bom.json")).unwrap(), told_bom(&cloud));
    assert!(!manifest.contains(cloud.project.path().to_str().unwrap()), "the manifest names a path of this machine");
}

fn told_bom(cloud: &Cloud) -> String {
    String::from_utf8(cloud.veris(&["show", "--bom"]).output().unwrap().stdout).unwrap()
}

/// The validator of the people who made the format.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
";

#[test]
fn the_bill_of_materials_is_valid() {
    use veris::guest_binary::{Crate, Origin};
    use veris::manifest::{Input, InputKind, Manifest, Parent, RecipeFields, bom::Bom};

    let python = match python::with("cyclonedx-python-lib[json-validation]==11.12.0", "cyclonedx") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let digest = veris::digest::Sha256Digest::of("");
    let library = |name: &str, license: Option<&str>, origin| Crate {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        license: license.map(ToOwned::to_owned),
        origin,
    };
    let manifest = Manifest {
        form: Manifest::FORM,
        service: "chat".to_owned(),
        version: semver::Version::new(1, 0, 0),
        parent: Parent { image: "ami-1".to_owned(), name: "al2023-ami-2023.9".to_owned(), release: None },
        recipe: RecipeFields {
            device: "/dev/xvda".to_owned(),
            size_gib: 30,
            volume_type: "gp3".to_owned(),
            encryption: None,
            port: 8000,
            env_file: "/etc/chat/.env".to_owned(),
        },
        inputs: vec![Input {
            kind: InputKind::Binary,
            name: "/opt/chat/chat".to_owned(),
            file: "chat".to_owned(),
            mode: None,
            sha256: digest.clone(),
            bytes: 0,
        }],
        crates: vec![
            library("chat", None, Origin::Project),
            library("serde", Some("MIT OR Apache-2.0"), Origin::Registry { checksum: Some(digest.to_string()) }),
            library("old", Some("MIT/Apache-2.0"), Origin::Registry { checksum: None }),
            library("ours", Some("Apache-2.0"), Origin::Git { url: "https://example.com/ours#01".to_owned() }),
        ],
    };
    let text = Bom::of(&manifest).text();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bom.json");
    fs_err::write(&file, &text).unwrap();
    let mut validate = Command::new(python);
    validate.args(["-c", VALIDATE]).stdin(fs_err::File::open(&file).unwrap().into_file());
    let output = validate.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "None\n", "{text}\n{}", talk(&output));
}

#[test]
fn an_image_is_verified_from_what_it_was_made_of() {
    let Some(cloud) = Cloud::up() else { return };
    cloud.json(&["bake"]);
    let verified = cloud.json(&["verify-image"]);
    assert_eq!((&verified["good"], verified["checks"].as_array().unwrap().len()), (&true.into(), 6), "{verified}");

    // Somebody puts another configuration where the bake's own lies.
    let bucket = fs_err::read_dir(cloud.layout().buckets()).unwrap().map(|entry| entry.unwrap().path());
    let artifacts = bucket.map(|bucket| bucket.join("chat/artifacts")).find(|path| path.is_dir()).unwrap();
    let objects = fs_err::read_dir(artifacts).unwrap().map(|entry| entry.unwrap().path());
    let of = |file: &str| objects.map(|object| object.join(file)).find(|path| path.is_file()).unwrap();
    fs_err::write(of("chat.service"), "[Service]\nExecStart=/bin/evil\n").unwrap();
    let verified = cloud.veris(&["verify-image", "1.2.3"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1));
    let told = String::from_utf8(verified.stdout).unwrap();
    assert!(told.contains("/chat.service: streaming error: body checksum mismatch"), "{told}");
    assert_eq!(told.matches("WRONG").count(), 1, "{told}");
}
