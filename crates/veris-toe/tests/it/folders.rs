//! Folders that are copied and moved: whole, faithfully, and never half.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::support::Sandbox;

/// `app` with a program, a read-only file in a folder below, and links inside and out.
fn app(sandbox: &Sandbox) {
    for folder in ["app", "app/conf", "app/empty"] {
        fs::create_dir(sandbox.path(folder)).unwrap();
    }
    sandbox.write("secret", "outside");
    sandbox.write("app/server", "server");
    sandbox.write("app/conf/key", "key");
    symlink("conf/key", sandbox.path("app/inside")).unwrap();
    symlink("../secret", sandbox.path("app/outside")).unwrap();
    symlink("nowhere", sandbox.path("app/dangling")).unwrap();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(sandbox.path(path), Permissions::from_mode(mode)).unwrap();
    };
    mode("app/server", 0o4750);
    mode("app/conf/key", 0o400);
    mode("app/conf", 0o700);
}

/// Every path below with its mode, and where links lead.
fn tree(root: &Path) -> String {
    let find = Command::new("find").arg(".").args(["-printf", "%p %y %m %l\n"]).current_dir(root).output().unwrap();
    let text = String::from_utf8(find.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.starts_with(". ")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_folder_is_copied_with_modes_links_and_times() {
    let sandbox = Sandbox::new();
    app(&sandbox);
    let ran =
        sandbox.run_steps("- {name: Copy, action: CopyFolder, inputs: [{source: app, destination: new/place/copy}]}");
    ran.succeeded();
    assert_eq!(tree(&sandbox.path("new/place/copy")), tree(&sandbox.path("app")));
    assert_snapshot!(tree(&sandbox.path("new")), @r"
    ./place d 755
    ./place/copy d 755
    ./place/copy/conf d 700
    ./place/copy/conf/key f 400
    ./place/copy/dangling l 777 nowhere
    ./place/copy/empty d 755
    ./place/copy/inside l 777 conf/key
    ./place/copy/outside l 777 ../secret
    ./place/copy/server f 4750
    ");
    let modified = |path: &str| {
        let found = sandbox.path(path).symlink_metadata().unwrap();
        (found.mtime(), found.mtime_nsec())
    };
    for path in ["server", "conf", "conf/key", "inside"] {
        assert_eq!(modified(&format!("new/place/copy/{path}")), modified(&format!("app/{path}")), "{path}");
    }
}

#[test]
fn root_keeps_the_owners_of_a_copy() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else can give files away, nor keep an owner.
        return;
    }
    let sandbox = Sandbox::new();
    app(&sandbox);
    chown(sandbox.path("app/conf/key"), Some(12345), Some(23456)).unwrap();
    sandbox.run_steps("- {name: Copy, action: CopyFolder, inputs: [{source: app, destination: copy}]}").succeeded();
    let owner = |path: &str| {
        let found = sandbox.path(path).metadata().unwrap();
        (found.uid(), found.gid())
    };
    assert_eq!(owner("copy/conf/key"), (12345, 23456));
    assert_eq!(owner("copy/server"), owner("app/server"));
}

#[test]
fn a_folder_at_the_destination_is_replaced_as_a_whole() {
    let sandbox = Sandbox::new();
    app(&sandbox);
    for folder in ["old", "stay/app"] {
        fs::create_dir_all(sandbox.path(folder)).unwrap();
        sandbox.write(&format!("{folder}/left-over"), "old");
    }
    let ran = sandbox.run_steps(
        r"
- {name: Copy, action: CopyFolder, inputs: [{source: app/, destination: old}]}
- {name: Protected, action: CopyFolder, onFailure: Continue, inputs: [{source: app, destination: stay/, overwrite: false}]}
- {name: Kept, action: MoveFolder, onFailure: Continue, inputs: [{source: app, destination: stay/app, overwrite: false}]}
- {name: Move, action: MoveFolder, inputs: [{source: app, destination: stay/}]}
",
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Protected] failed: [DIR]/stay/app exists and `overwrite` is false
    [build] [Kept] failed: [DIR]/stay/app exists and `overwrite` is false
    ");
    assert!(!sandbox.path("app").exists());
    assert!(!sandbox.path("stay/app/left-over").exists());
    assert_eq!(tree(&sandbox.path("stay/app")), tree(&sandbox.path("old")));
}

#[test]
fn several_folders_go_into_one_that_ends_with_a_slash() {
    let sandbox = Sandbox::new();
    for name in ["rel-1", "rel-2", "other"] {
        fs::create_dir(sandbox.path(name)).unwrap();
        sandbox.write(&format!("{name}/file"), name);
    }
    sandbox.write("rel-3", "a file does not fit");
    symlink("other", sandbox.path("rel-4")).unwrap();
    let ran = sandbox.run_steps(
        r"
- {name: Copy, action: CopyFolder, inputs: [{source: 'rel-*', destination: copies/}]}
- {name: Move, action: MoveFolder, inputs: [{source: './rel-*', destination: moved/deep/}]}
- {name: Many, action: CopyFolder, onFailure: Continue, inputs: [{source: 'moved/*', destination: one}]}
- {name: None, action: MoveFolder, onFailure: Continue, inputs: [{source: 'rel-*', destination: none/}]}
- {name: Middle, action: CopyFolder, onFailure: Continue, inputs: [{source: 'mov*/deep', destination: none}]}
",
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Many] failed: `moved/*` may match several files, so the destination has to end with `/`
    [build] [None] failed: no folder matches rel-*
    [build] [Middle] failed: `mov*/deep`: a `*` can only stand behind the last `/`
    ");
    assert_eq!(tree(&sandbox.path("copies")), tree(&sandbox.path("moved/deep")));
    assert_eq!(sandbox.read("moved/deep/rel-2/file"), "rel-2");
    assert!(!sandbox.path("rel-1").exists());
    assert!(sandbox.path("rel-4").is_symlink());
}

#[test]
fn a_folder_is_not_put_into_itself_or_over_the_system() {
    let sandbox = Sandbox::new();
    app(&sandbox);
    symlink("app", sandbox.path("link")).unwrap();
    sandbox.write("file", "");
    let steps = [
        ("CopyFolder", "app", "app/conf/again"),
        ("MoveFolder", "app", "link/empty/again"),
        ("CopyFolder", "app/conf", "app"),
        ("CopyFolder", "app", "app"),
        ("MoveFolder", "app", "/usr"),
        ("MoveFolder", "/proc", "app2"),
        ("MoveFolder", ".", "/tmp/veris-toe-elsewhere"),
        ("MoveFolder", "link", "elsewhere"),
        ("CopyFolder", "file", "elsewhere"),
        ("CopyFolder", "app", "file"),
        ("CopyFolder", "missing", "elsewhere"),
    ];
    let steps = steps.iter().enumerate().map(|(number, (action, source, destination))| {
        let inputs = format!("[{{source: {source}, destination: {destination}}}]");
        format!("- {{name: S{number}, action: {action}, onFailure: Continue, inputs: {inputs}}}\n")
    });
    let ran = sandbox.run_steps(&steps.collect::<String>()).failed();
    assert_snapshot!(ran.stderr.replace(&fs::canonicalize(sandbox.path(".")).unwrap().display().to_string(), "[DIR]"), @r"
    [build] [S0] failed: [DIR]/app and [DIR]/app/conf/again lie in each other; choose another destination
    [build] [S1] failed: [DIR]/app and [DIR]/app/empty/again lie in each other; choose another destination
    [build] [S2] failed: [DIR]/app/conf and [DIR]/app lie in each other; choose another destination
    [build] [S3] failed: [DIR]/app and [DIR]/app lie in each other; choose another destination
    [build] [S4] failed: refusing to remove or replace /usr, which the system needs
    [build] [S5] failed: refusing to remove or replace /proc, which the system needs
    [build] [S6] failed: refusing to remove or replace [DIR], which holds the logs of this run
    [build] [S7] failed: link is a symbolic link; name the folder it leads to
    [build] [S8] failed: file is no folder
    [build] [S9] failed: [DIR]/file is no folder
    [build] [S10] failed: cannot look at missing: No such file or directory (os error 2)
    ");
    assert!(sandbox.path("app/conf/key").exists());
    assert_eq!(fs::read_dir(sandbox.path("app")).unwrap().count(), 6);
}

#[test]
fn a_copy_that_fails_leaves_the_old_folder_and_nothing_else() {
    let sandbox = Sandbox::new();
    app(&sandbox);
    fs::create_dir(sandbox.path("old")).unwrap();
    sandbox.write("old/file", "precious");
    assert!(Command::new("mkfifo").arg(sandbox.path("app/zz-pipe")).status().unwrap().success());
    let ran = sandbox.run_steps("- {name: Copy, action: CopyFolder, inputs: [{source: app, destination: old}]}");
    assert!(ran.failed().failure().ends_with("zz-pipe is neither a file, a folder nor a symbolic link"));
    assert_eq!(sandbox.read("old/file"), "precious");
    let left = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(sandbox.path(".")).unwrap().map(left).collect();
    names.retain(|name| !name.starts_with("TOE_"));
    names.sort();
    assert_eq!(names, ["app", "document.yaml", "old", "secret"]);
}

#[test]
fn what_is_moved_to_another_file_system_arrives_whole() {
    let other = Path::new("/dev/shm");
    let sandbox = Sandbox::new();
    let device = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    if device(other).is_none() || device(other) == device(&sandbox.path(".")) {
        // One file system only: the rename is all there is.
        return;
    }
    let target = tempfile::tempdir_in(other).unwrap();
    app(&sandbox);
    let before = tree(&sandbox.path("app"));
    sandbox.write("file", "content");
    symlink("file", sandbox.path("link")).unwrap();
    let folder = target.path().display();
    sandbox
        .run_steps(&format!(
            r"
- {{name: Folder, action: MoveFolder, inputs: [{{source: app, destination: {folder}/}}]}}
- {{name: File, action: MoveFile, inputs: [{{source: link, destination: {folder}/}}, {{source: file, destination: {folder}/}}]}}
"
        ))
        .succeeded();
    assert_eq!(tree(&target.path().join("app")), before);
    assert!(target.path().join("link").is_symlink());
    assert_eq!(fs::read_to_string(target.path().join("link")).unwrap(), "content");
    assert!(["app", "file", "link"].iter().all(|name| sandbox.path(name).symlink_metadata().is_err()));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 3);
}
