//! The file modules, each as a document uses it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use insta::assert_snapshot;

use crate::support::Sandbox;

#[test]
fn files_are_written_appended_and_read() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r#"
- {name: Write, action: CreateFile, inputs: [{path: a/b/c.txt, content: one, permissions: 640}, {path: empty}]}
- {name: Append, action: AppendFile, inputs: [{path: a/b/c.txt, content: ' two'}]}
- {name: Read, action: ReadFile, inputs: [{path: a/b/c.txt}, {path: empty}, {path: a/b/c.txt}]}
- {name: Show, action: ExecuteBash, inputs: {commands: ['echo "{{ build.Read.outputs.content }}"']}}
"#,
    );
    assert_eq!(ran.succeeded().stderr, "[build] [Show] one two\n[build] [Show] \n[build] [Show] one two\n");
    let mode = fs::metadata(sandbox.path("a/b/c.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn files_are_protected_when_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("kept", "old");
    sandbox.write("other", "new");
    for step in [
        "- {name: Do, action: CreateFile, inputs: [{path: kept, content: new, overwrite: false}]}",
        "- {name: Do, action: CopyFile, inputs: [{source: other, destination: kept, overwrite: 'false'}]}",
        "- {name: Do, action: MoveFile, inputs: [{source: other, destination: kept, overwrite: false}]}",
    ] {
        let ran = sandbox.veris_toe(&[
            "run",
            "-d",
            sandbox.write("d.yaml", &crate::support::document(step)).to_str().unwrap(),
        ]);
        assert!(ran.failed().failure().ends_with("kept exists and `overwrite` is false"));
    }
    assert_eq!((sandbox.read("kept"), sandbox.read("other")), ("old".to_owned(), "new".to_owned()));
}

#[test]
fn files_are_copied_moved_listed_and_deleted() {
    let sandbox = Sandbox::new();
    for name in ["a.log", "b.log", "c.txt"] {
        sandbox.write(name, name);
    }
    let ran = sandbox.run_steps(
        r#"
- {name: Copy, action: CopyFile, inputs: [{source: '*.log', destination: new/logs/}, {source: c.txt, destination: new/d.txt}]}
- {name: Move, action: MoveFile, inputs: [{source: c.txt, destination: new/}]}
- {name: List, action: ListFiles, inputs: [{path: new}, {path: new, recursive: true, fileNamePattern: '*.log'}]}
- {name: Show, action: ExecuteBash, inputs: {commands: ['echo "{{ build.List.outputs.files }}"']}}
- {name: Delete, action: DeleteFile, inputs: [{path: '*.log'}]}
- {name: Again, action: DeleteFile, inputs: [{path: '*.log'}]}
- {name: Gone, action: DeleteFile, inputs: [{path: a.log}]}
"#,
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Show] new/c.txt,new/d.txt
    [build] [Show] new/logs/a.log,new/logs/b.log
    [build] [Again] no file matches *.log; there is nothing to delete
    [build] [Gone] failed: cannot delete a.log: No such file or directory (os error 2)
    ");
    assert!(!sandbox.path("a.log").exists());
}

#[test]
fn a_file_is_not_copied_onto_itself() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "precious");
    symlink("a", sandbox.path("b")).unwrap();
    let ran = sandbox.run_steps("- {name: Copy, action: CopyFile, inputs: [{source: a, destination: b}]}");
    assert!(ran.failed().failure().ends_with("a and the destination are the same file"));
    assert_eq!(sandbox.read("a"), "precious");
}

#[test]
fn folders_are_made_and_removed() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Make, action: CreateFolder, inputs: [{path: a/b, permissions: '0700'}, {path: a/b}]}
- {name: Fill, action: CreateFile, inputs: [{path: a/b/c}]}
- {name: Empty, action: CreateFolder, inputs: [{path: a/b}]}
- {name: Remove, action: DeleteFolder, inputs: [{path: a/b}]}
- {name: Refill, action: CreateFile, inputs: [{path: a/b/c}]}
- {name: Force, action: DeleteFolder, inputs: [{path: a, force: true}]}
",
    );
    let ran = ran.succeeded();
    assert_eq!(ran.stderr, "[build] [Empty] a/b exists and is emptied; `overwrite: false` would protect it\n");
    assert!(!sandbox.path("a").exists());
}

#[test]
fn what_a_folder_holds_is_not_lost_by_accident() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("full")).unwrap();
    sandbox.write("full/file", "precious");
    let failure = |step: &str| {
        let path = sandbox.write("d.yaml", &crate::support::document(step));
        sandbox.veris_toe(&["run", "-d", path.to_str().unwrap()]).failed().failure()
    };
    let reason = |step: &str| failure(step).rsplit("): ").next().unwrap().to_owned();
    assert_snapshot!(reason("- {name: Do, action: CreateFolder, inputs: [{path: full, overwrite: false}]}"), @"full exists and `overwrite` is false");
    assert_snapshot!(reason("- {name: Do, action: CreateFolder, inputs: [{path: /proc}]}"), @"refusing to remove or replace /proc, which the system needs");
    assert_snapshot!(reason("- {name: Do, action: CreateFolder, inputs: [{path: .}]}").replace(&fs::canonicalize(sandbox.path(".")).unwrap().display().to_string(), "[DIR]"), @"refusing to remove or replace [DIR], which holds the logs of this run");
    assert_snapshot!(reason("- {name: Do, action: DeleteFolder, inputs: [{path: full}]}"), @"cannot delete the folder full: Directory not empty (os error 39)");
    assert_snapshot!(reason("- {name: Do, action: DeleteFolder, inputs: [{path: '/proc', force: true}]}"), @"refusing to remove or replace /proc, which the system needs");
    assert_eq!(sandbox.read("full/file"), "precious");
}

#[test]
fn links_are_made_to_what_exists() {
    let sandbox = Sandbox::new();
    sandbox.write("target", "here");
    let ran = sandbox.run_steps(
        r"
- {name: Link, action: CreateSymlink, inputs: [{path: links/one, target: ../target}]}
- {name: Again, action: CreateSymlink, inputs: [{path: links/one, target: ../target, force: true}]}
- {name: Refused, action: CreateSymlink, onFailure: Continue, inputs: [{path: links/one, target: ../target}]}
- {name: Dangling, action: CreateSymlink, onFailure: Continue, inputs: [{path: links/two, target: nowhere}]}
- {name: File, action: CreateSymlink, onFailure: Continue, inputs: [{path: target, target: links, force: true}]}
",
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Refused] failed: the link links/one exists; say `force: true` to replace it
    [build] [Dangling] failed: cannot look at the target links/nowhere: No such file or directory (os error 2)
    [build] [File] failed: target exists and is no symbolic link
    ");
    assert_eq!(sandbox.read("links/one"), "here");
}

#[test]
fn owners_and_permissions_are_set_below_a_folder() {
    let sandbox = Sandbox::new();
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let ran = sandbox.run_steps(&format!(
        r"
- {{name: Make, action: CreateFile, inputs: [{{path: a/b/c, owner: '{user}', group: '{group}'}}]}}
- {{name: Own, action: SetFolderOwner, inputs: [{{path: a, owner: '{user}', group: '{group}'}}]}}
- {{name: One, action: SetFileOwner, inputs: [{{path: a/b/c, owner: '{user}', group: '{group}'}}]}}
- {{name: Mode, action: SetFolderPermissions, inputs: [{{path: a, permissions: '0711'}}]}}
- {{name: Top, action: SetFolderPermissions, inputs: [{{path: a, permissions: 755, recursive: false}}]}}
- {{name: File, action: SetFilePermissions, inputs: [{{path: a/b/c, permissions: 0600}}]}}
- {{name: Nobody, action: SetFileOwner, inputs: [{{path: a/b/c, owner: no-such-user}}]}}
"
    ));
    assert_snapshot!(ran.failed().stderr, @"[build] [Nobody] failed: there is no user `no-such-user` in /etc/passwd; create it in an earlier step");
    let mode = |path: &str| fs::metadata(sandbox.path(path)).unwrap().mode() & 0o7777;
    assert_eq!((mode("a"), mode("a/b"), mode("a/b/c")), (0o755, 0o711, 0o600));
}

#[test]
fn ownership_may_stop_at_the_folder() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else can give files away.
        return;
    }
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("a/b")).unwrap();
    symlink("/etc/hostname", sandbox.path("a/link")).unwrap();
    let steps = r"
- {name: Top, action: SetFolderOwner, inputs: [{path: a, owner: '12345', group: '23456', recursive: false}]}
- {name: All, action: SetFolderOwner, inputs: [{path: a, owner: '12346', group: '0'}]}
- {name: Made, action: CreateFolder, inputs: [{path: c, owner: '12345', group: '23456'}]}
";
    let before = fs::metadata("/etc/hostname").unwrap().uid();
    sandbox.run_steps(&steps.lines().take(2).collect::<Vec<_>>().join("\n")).succeeded();
    let owner = |path: &str| {
        let found = sandbox.path(path).symlink_metadata().unwrap();
        (found.uid(), found.gid())
    };
    assert_eq!((owner("a"), owner("a/b")), ((12345, 23456), (0, 0)));
    fs::remove_dir_all(sandbox.logs()).unwrap();
    sandbox.run_steps(steps).succeeded();
    assert_eq!([owner("a"), owner("a/b"), owner("a/link")], [(12346, 0); 3]);
    assert_eq!(owner("c"), (12345, 23456));
    assert_eq!(fs::metadata("/etc/hostname").unwrap().uid(), before, "what a link leads to is left alone");
}

#[test]
fn a_huge_file_is_not_read_into_an_output() {
    let sandbox = Sandbox::new();
    fs::File::create(sandbox.path("huge")).unwrap().set_len(1 << 40).unwrap();
    let ran = sandbox.run_steps("- {name: Read, action: ReadFile, inputs: [{path: huge}]}").failed();
    assert!(ran.failure().ends_with("huge has 1099511627776 bytes; at most 1048576 can be read into an output"));
}
