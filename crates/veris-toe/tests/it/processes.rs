//! Programs that print much, hang, hide or are asked to stop.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Sandbox, document};

#[test]
fn nothing_of_a_step_survives_its_timeout() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- name: Hang
  action: ExecuteBash
  timeoutSeconds: 1
  inputs:
    commands:
      - sleep 300 & echo $! >> pids
      - setsid --fork bash -c 'echo $$ >> pids; exec sleep 300'
      - echo $$ >> pids
      - echo waiting
      - wait
",
    );
    assert_snapshot!(ran.failed().failure(), @r"
    document document.yaml: phase `build`: step `Hang` (ExecuteBash): bash was killed after 1 s (`timeoutSeconds`); its last lines:
      waiting
    ");
    let pids = sandbox.read("pids");
    assert_eq!(pids.lines().count(), 3);
    pids.lines().for_each(assert_gone);
}

#[test]
fn a_daemon_lives_until_the_run_ends() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r"
- {name: Start, action: ExecuteBash, inputs: {commands: ['sleep 300 > /dev/null 2>&1 & echo $! > pid']}}
- {name: Use, action: ExecuteBash, inputs: {commands: ['kill -0 $(cat pid)']}}
",
    );
    ran.succeeded();
    assert_gone(sandbox.read("pid").trim());
}

#[test]
fn a_signal_ends_the_step_and_the_run() {
    let sandbox = Sandbox::new();
    let steps = "- {name: Wait, action: ExecuteBash, onFailure: Ignore, maxAttempts: 9, inputs: {commands: [echo $$, sleep 300]}}";
    sandbox.write("document.yaml", &document(steps));
    let mut command = sandbox.command(&["run", "-d", "document.yaml", "-i", "test"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first_line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut first_line).unwrap();
    let bash = first_line.trim().rsplit(' ').next().unwrap().to_owned();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ran = sandbox.finish(child.wait_with_output().unwrap()).failed();
    assert_snapshot!(ran.failure(), @"document document.yaml: phase `build`: step `Wait` (ExecuteBash): bash was killed because of signal 15");
    assert_gone(&bash);
    // What ran until then is written.
    assert!(sandbox.log("detailedoutput.json").contains("bash was killed because of signal 15"));
}

#[test]
fn much_output_is_streamed_but_only_its_beginning_kept() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run_steps(
        r#"
- {name: Talk, action: ExecuteBash, inputs: {commands: ['yes 0123456789 | head -c 2000000', 'head -c 100000 /dev/zero | tr \\0 x', 'printf \\377']}}
- {name: Count, action: ExecuteBash, inputs: {commands: ["wc -c <<< '{{ build.Talk.outputs.stdout }}'"]}}
"#,
    );
    let ran = ran.succeeded();
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.iter().filter(|line| **line == "[build] [Talk] 0123456789").count(), 2_000_000 / 11);
    assert!(ran.stderr.contains('\u{fffd}'));
    assert_eq!(lines.last(), Some(&"[build] [Count] 65537"));
}

#[test]
fn a_chain_of_processes_that_never_ends_does() {
    let sandbox = Sandbox::new();
    let link = sandbox.write("link.sh", "sleep 0.02\nexec setsid --fork bash \"$0\" >/dev/null 2>&1\n");
    let steps = format!(
        "- {{name: Fork, action: ExecuteBash, timeoutSeconds: 1, inputs: {{commands: ['setsid --fork bash {} >/dev/null 2>&1', sleep 300]}}}}",
        link.display()
    );
    sandbox.run_steps(&steps).failed();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(link.to_str().unwrap())
    });
    assert_eq!(ours.count(), 0);
}

#[test]
fn a_full_disk_costs_the_logs_but_not_the_run() {
    let sandbox = Sandbox::new();
    let steps = r"
- {name: Talk, action: ExecuteBash, inputs: {commands: ['yes 0123456789 | head -n 9000']}}
- {name: After, action: ExecuteBash, inputs: {commands: [touch after]}}
";
    sandbox.write("document.yaml", &document(steps));
    // No file may grow beyond 64 KiB, which is as much as a disk that is full.
    let runner = sandbox.command(&["run", "-d", "document.yaml", "-i", "test"]);
    let mut command = std::process::Command::new("bash");
    command.args(["-c", "ulimit -f 64; exec \"$0\" \"$@\""]).arg(runner.get_program()).args(runner.get_args());
    command.current_dir(sandbox.path("."));
    let ran = sandbox.finish(command.output().unwrap()).failed();
    assert_eq!(ran.summary()["status"], "success");
    assert!(sandbox.path("after").exists());
    assert_eq!(ran.stderr.lines().filter(|line| *line == "[build] [Talk] 0123456789").count(), 9000);
    let error = &ran.stderr[ran.stderr.find("error: ").unwrap()..];
    assert_snapshot!(error, @r"
    error: cannot write [DIR]/TOE_[TIME]_test/detailedoutput.json: File too large (os error 27)

    hint: choose a folder you can write to with --log-directory and --state-directory
    ");
}

#[test]
fn a_working_directory_that_vanished_is_no_matter_of_the_runner() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("work")).unwrap();
    let steps = r"
- {name: Remove, action: ExecuteBash, inputs: {commands: ['rm -r ../work']}}
- {name: After, action: ExecuteBash, inputs: {commands: ['touch $OLD/after']}}
";
    sandbox.write("document.yaml", &document(&steps.replace("$OLD", sandbox.path(".").to_str().unwrap())));
    let logs = sandbox.path("logs");
    let mut command = sandbox.command(&["run", "-d", "../document.yaml", "-l", logs.to_str().unwrap()]);
    sandbox.finish(command.current_dir(sandbox.path("work")).output().unwrap()).succeeded();
    assert!(sandbox.path("after").exists());
}

#[test]
fn a_binary_gets_its_arguments_as_they_are() {
    let sandbox = Sandbox::new();
    let steps =
        "- {name: Print, action: ExecuteBinary, inputs: {path: printf, arguments: ['<%s>', 'a b', $HOME, '*']}}";
    let ran = sandbox.run_steps(steps).succeeded();
    assert_eq!(ran.stderr, "[build] [Print] <a b><$HOME><*>\n");
    let steps = "- {name: Missing, action: ExecuteBinary, inputs: {path: /no/such/binary}}";
    let ran = Sandbox::new().run_steps(steps).failed();
    assert_snapshot!(ran.failure(), @"document document.yaml: phase `build`: step `Missing` (ExecuteBinary): cannot start /no/such/binary: No such file or directory (os error 2)");
}

/// Zombies count as gone: they wait for whoever adopted them.
#[track_caller]
fn assert_gone(pid: &str) {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "{status}");
}
