//! The chat page in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use veris_chat::{AppState, serve};

use crate::fake_bedrock::{Act, FakeBedrock, Script, says};
use crate::library;
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

/// Where a browser is not required, its absence is said and `None` is the answer.
#[expect(clippy::print_stderr, reason = "who runs the tests is told what was skipped")]
async fn found_browser() -> Option<(PathBuf, PathBuf)> {
    match tokio::task::spawn_blocking(browser).await.unwrap() {
        Ok(found) => Some(found),
        Err(reason) if std::env::var_os("VERIS_REQUIRE_BROWSER").is_none() => {
            eprintln!("skipped: {reason}");
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}

/// What a script for the browser prints about the page of this server.
async fn read_page(script: &str, state: AppState, (browser, packages): (PathBuf, PathBuf), more: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, state, std::future::pending(), Duration::ZERO));
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script)).arg(url).arg(browser).arg(packages);
    node.args(more);
    let output = tokio::task::spawn_blocking(move || node.output().unwrap()).await.unwrap();
    server.abort();
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{seen}\n{}", String::from_utf8_lossy(&output.stderr));
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_streams_links_stops_and_runs_nothing_that_a_model_writes() {
    let Some(browser) = found_browser().await else { return };
    let answer = says(&[
        "# Heading\n\n**Bold** and `co",
        "de`.\n\n1. One\n2. Two\n\n> Quoted\n\n```\n<b>x</b>\n```\n",
        "\nSources say [doc.pdf (p.2)](https://example.org/doc.pdf?a=1), ",
        "not [this](javascript:alert(1)) <img src=x onerror=alert(2)>.",
    ]);
    let endless = |text| Script::Stream(vec![Act::Text(text), Act::Silence]);
    let throttled = Script::Refuse { status: 429, code: "ThrottlingException", message: "Too many tokens" };
    let bedrock = FakeBedrock::start([answer, endless("It goes on"), endless("And on"), throttled]).await;
    insta::assert_snapshot!(read_page("page_reader.mjs", state(&bedrock), browser, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_citation_in_the_page_leads_to_the_document() {
    let Some(browser) = found_browser().await else { return };
    let (web, fetched) = library::web().await;
    let bedrock = FakeBedrock::start([says(&["They guard the house [1]."])]).await;
    let folder = tempfile::tempdir().unwrap();
    let state = library::state(&bedrock, &web, folder.path());
    let document = web.url("/animals.pdf").to_string();
    let seen = read_page("citation_reader.mjs", state, browser, &[&document]).await;
    insta::assert_snapshot!(seen, @r"
    answer: They guard the house animals.pdf (p.2).
    a click asks for: /animals.pdf
    the conversation stays: 2 articles
    ");
    // Once by the server, and once or more by the browser, which may ask for a PDF in parts.
    assert!(fetched.load(Ordering::SeqCst) >= 2);
}
