//! The checks that the service's people made by hand after each deployment, as one list.

mod chat;

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::health::{self, Endpoint};
use crate::http;
use crate::images::BakedImage;
use crate::printer::Printer;

/// Streams that are asked for at the same time.
const AT_ONCE: usize = 4;
/// The server asks Bedrock when it has not for a while.
const READY: Duration = Duration::from_mins(1);

/// What one check has shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub name: &'static str,
    /// What is true when it passes.
    pub what: &'static str,
    pub seconds: f64,
    /// What was seen instead; none when it passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do when it fails.
    #[serde(skip)]
    pub cure: &'static str,
}

/// Makes every check. One that cannot pass because an earlier one failed is made all the same: two problems are found at once.
pub async fn all(endpoint: Endpoint, image: &BakedImage, printer: &Printer) -> Vec<Check> {
    let url = endpoint.url();
    let mut checks = Checks { printer, made: Vec::new() };
    let look = async { health::healthy(endpoint).await };
    checks
        .make(
            ("health", "/health answers, to the byte"),
            "see `veris status`; the instance's console tells whether the service started",
            look,
        )
        .await;
    checks
        .make(
            ("version", "/version is the live image's"),
            "another server listens at the address: launch the version again",
            async { health::look(endpoint, image).await },
        )
        .await;
    checks
        .make(
            ("bedrock", "Bedrock answers to the instance's role"),
            "the problem names what is missing: the role, the model id or the region in `.env`",
            ready(&url),
        )
        .await;
    let cure = "the log of the service tells why: `journalctl -u` its unit on the instance";
    checks.make(("sync", "POST /chat/ answers in one piece"), cure, async { chat::whole(&url).await }).await;
    checks
        .make(("streaming", "POST /chat/stream/ answers piece by piece, to its end"), cure, async {
            chat::stream(&url).await
        })
        .await;
    checks.make(("async", "other requests are answered while an answer streams"), cure, beside(endpoint, &url)).await;
    checks.make(("concurrent", "four chats at once are all answered"), cure, at_once(&url)).await;
    checks.made
}

/// One question and its streamed answer; the error says what was seen instead.
pub async fn chat(endpoint: Endpoint) -> Result<(), String> {
    chat::stream(&endpoint.url()).await
}

struct Checks<'a> {
    printer: &'a Printer,
    made: Vec<Check>,
}

impl Checks<'_> {
    async fn make(
        &mut self,
        (name, what): (&'static str, &'static str),
        cure: &'static str,
        check: impl Future<Output = Result<(), String>>,
    ) {
        let stage = self.printer.stage(format!("{name}: {what}"));
        let began = Instant::now();
        let problem = check.await.err();
        match &problem {
            None => stage.done(""),
            Some(_) => stage.fail(""),
        }
        self.made.push(Check { name, what, seconds: began.elapsed().as_secs_f64(), problem, cure });
    }
}

/// What `/ready` says of each thing that the service needs.
async fn ready(url: &str) -> Result<(), String> {
    let url = format!("{url}/ready");
    let answer = http::get(&url, READY).await.map_err(|error| error.to_string())?;
    if answer.status == 200 {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let checks = body["checks"].as_object().into_iter().flatten();
    let bad: Vec<String> = checks
        .filter(|(_, said)| *said != "ok")
        .map(|(name, said)| format!("{name}: {}", said.as_str().unwrap_or_default()))
        .collect();
    Err(format!("{url} answered {}: {}", answer.status, bad.join("; ")))
}

/// A server that answers one after the other would let the second wait for the first.
async fn beside(endpoint: Endpoint, url: &str) -> Result<(), String> {
    let mut stream = chat::begin(url).await?;
    stream.first_piece().await?;
    health::healthy(endpoint).await.map_err(|problem| format!("while an answer streamed: {problem}"))?;
    stream.rest().await
}

async fn at_once(url: &str) -> Result<(), String> {
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let url = url.to_owned();
        streams.spawn(async move { chat::stream(&url).await });
    }
    let mut problems = Vec::new();
    while let Some(ended) = streams.join_next().await {
        problems.extend(ended.unwrap_or_else(|error| Err(error.to_string())).err());
    }
    match problems.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!("{} of {AT_ONCE} failed, the first so: {first}", problems.len())),
    }
}
