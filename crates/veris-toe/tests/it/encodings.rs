//! `encoding` in the file modules, and `SetFileEncoding`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use insta::assert_snapshot;

use crate::support::Sandbox;

fn utf16_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn files_are_written_appended_to_and_read_in_an_encoding() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r#"
- name: Write
  action: CreateFile
  inputs:
    - {path: little, content: grüße, encoding: UTF-16}
    - {path: big, content: "\uFEFFgrüße", encoding: utf16-be}
    - {path: wide, content: 😀, encoding: utf-32-BE}
- name: Append
  action: AppendFile
  inputs:
    - {path: little, content: '!', encoding: utf-16-LE}
    - {path: big, content: '!', encoding: utf-16}
- name: Read
  action: ReadFile
  inputs:
    - {path: little, encoding: UTF-16, printFileContent: true}
    - {path: big, encoding: utf-16, printFileContent: 'true'}
    - {path: wide, encoding: utf32-BE}
- {name: Show, action: ExecuteBash, inputs: {commands: ['echo "{{ build.Read.outputs.content }}"']}}
"#,
    );
    assert_snapshot!(ran.succeeded().stderr, @r"
    [build] [Read] grüße!
    [build] [Read] grüße!
    [build] [Show] grüße!
    [build] [Show] grüße!
    [build] [Show] 😀
    ");
    let bytes = |name: &str| fs::read(sandbox.path(name)).unwrap();
    assert_eq!(bytes("little"), utf16_le("grüße!"), "no mark is written unasked");
    let big: Vec<u8> = "\u{feff}grüße!".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(bytes("big"), big, "what is appended has the byte order of the file's mark");
    assert_eq!(bytes("wide"), [0, 1, 0xf6, 0]);
}

#[test]
fn what_is_no_text_in_the_encoding_is_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("odd"), b"a\0b").unwrap();
    fs::write(sandbox.path("latin"), b"gr\xfc\xdfe").unwrap();
    let ran = sandbox.run_steps(
        r"
- {name: Odd, action: ReadFile, onFailure: Continue, inputs: [{path: odd, encoding: utf-16}]}
- {name: Latin, action: ReadFile, onFailure: Continue, inputs: [{path: latin}]}
",
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Odd] failed: odd: the bytes from number 2 on are no UTF-16-LE
    [build] [Latin] failed: latin: the bytes from number 2 on are no UTF-8
    ");
}

#[test]
fn a_file_is_converted_in_place() {
    let sandbox = Sandbox::new();
    let text = "Größe: 😀\n".repeat(20_000);
    let path = sandbox.write("file", &text);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    symlink("file", sandbox.path("link")).unwrap();
    sandbox.write("plain", "stays");
    let before = path.metadata().unwrap();
    sandbox
        .run_steps(
            "- {name: Convert, action: SetFileEncoding, inputs: [{path: link, encoding: UTF-16}, {path: plain}]}",
        )
        .succeeded();
    assert!(fs::read(&path).unwrap() == utf16_le(&text));
    assert!(sandbox.path("link").is_symlink());
    let after = path.metadata().unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_eq!(sandbox.read("plain"), "stays");
}

#[test]
fn a_file_that_cannot_be_converted_is_not_lost() {
    let sandbox = Sandbox::new();
    let latin = [b"x".repeat(100_000), b"gr\xfc\xdfe".to_vec()].concat();
    fs::write(sandbox.path("latin"), &latin).unwrap();
    sandbox.write("twice", "hi");
    fs::create_dir(sandbox.path("folder")).unwrap();
    let ran = sandbox.run_steps(
        r"
- {name: Latin, action: SetFileEncoding, onFailure: Continue, inputs: [{path: latin, encoding: utf-16}]}
- {name: Twice, action: SetFileEncoding, onFailure: Continue, inputs: [{path: twice, encoding: utf-16}, {path: twice, encoding: utf-16}]}
- {name: Folder, action: SetFileEncoding, onFailure: Continue, inputs: [{path: folder, encoding: utf-16}]}
- {name: Missing, action: SetFileEncoding, onFailure: Continue, inputs: [{path: missing, encoding: utf-16}]}
",
    );
    assert_snapshot!(ran.failed().stderr, @r"
    [build] [Latin] failed: latin cannot be converted, because it is no UTF-8 text from byte 100002 on; was it converted before?
    [build] [Twice] failed: twice cannot be converted, because it is no UTF-8 text from byte 1 on; was it converted before?
    [build] [Folder] failed: folder is neither a file, a folder nor a symbolic link
    [build] [Missing] failed: cannot open missing: No such file or directory (os error 2)
    ");
    assert!(fs::read(sandbox.path("latin")).unwrap() == latin);
    assert_eq!(fs::read(sandbox.path("twice")).unwrap(), utf16_le("hi"));
}
