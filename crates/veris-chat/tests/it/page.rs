//! The chat page in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpListener;
use veris_chat::serve;

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::server::state;

/// A browser, and the folder of the package that drives it; or the reason why there is none.
fn browser() -> Result<(PathBuf, PathBuf), String> {
    let found = |name: &&str| Path::new("/usr/bin").join(name).exists();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let name = names.iter().find(|name| found(name)).ok_or("no Chromium is installed in /usr/bin")?;
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    if !packages.join("node_modules/playwright-core/package.json").exists() {
        std::fs::create_dir_all(&packages).map_err(|error| error.to_string())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "playwright-core"]).current_dir(&packages);
        let output = npm.output().map_err(|error| format!("npm: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    Ok((Path::new("/usr/bin").join(name), packages))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_streams_links_stops_and_runs_nothing_that_a_model_writes() {
    let (browser, packages) = match tokio::task::spawn_blocking(browser).await.unwrap() {
        Ok(found) => found,
        Err(reason) if std::env::var_os("VERIS_REQUIRE_BROWSER").is_none() => {
            eprintln!("skipped: {reason}");
            return;
        }
        Err(reason) => panic!("{reason}"),
    };
    let answer = says(&[
        "# Heading\n\n**Bold** and `co",
        "de`.\n\n1. One\n2. Two\n\n> Quoted\n\n```\n<b>x</b>\n```\n",
        "\nSources say [doc.pdf (p.2)](https://example.org/doc.pdf?a=1), ",
        "not [this](javascript:alert(1)) <img src=x onerror=alert(2)>.",
    ]);
    let endless = |text| Script::Stream(vec![Act::Text(text), Act::Silence]);
    let throttled = Script::Refuse { status: 429, code: "ThrottlingException", message: "Too many tokens" };
    let bedrock = FakeBedrock::start([answer, endless("It goes on"), endless("And on"), throttled]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, state(&bedrock), std::future::pending(), Duration::ZERO));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/page_reader.mjs");
    let reader = move || Command::new("node").arg(script).arg(url).arg(browser).arg(packages).output().unwrap();
    let output = tokio::task::spawn_blocking(reader).await.unwrap();
    server.abort();
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{seen}\n{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(seen);
}
