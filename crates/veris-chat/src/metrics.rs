//! What `/metrics` counts.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::answer::Usage;
use crate::bedrock::FailureKind;

const REQUESTS: &str = "http_requests_total";
const ANSWERS: &str = "chat_answers_total";
const TOKENS: &str = "chat_tokens_total";
const FAILURES: &str = "bedrock_failures_total";
const RUNNING: &str = "chat_answers_running";
const FIRST_TOKEN: &str = "chat_first_token_seconds";
const DURATION: &str = "chat_answer_seconds";

/// A reader thinks about seconds, a model about tens of them.
const SECONDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0];

/// All metrics in Prometheus's text format.
pub(crate) fn render() -> Option<String> {
    let handle = recorder()?;
    handle.run_upkeep();
    Some(handle.render())
}

/// Counts from now on; a process has one recorder, whatever is served in it.
pub(crate) fn start() {
    if recorder().is_none() {
        tracing::warn!("metrics are recorded elsewhere in this process: /metrics has nothing to show");
    }
}

pub(crate) fn request(method: &str, path: &str, status: u16) {
    let labels = [("method", method.to_owned()), ("path", path.to_owned()), ("status", status.to_string())];
    counter!(REQUESTS, &labels).increment(1);
}

pub(crate) fn answer_begun() {
    gauge!(RUNNING).increment(1);
}

pub(crate) fn answer_ended(
    outcome: &'static str,
    duration: Duration,
    first_token: Option<Duration>,
    usage: Option<Usage>,
) {
    gauge!(RUNNING).decrement(1);
    counter!(ANSWERS, "outcome" => outcome).increment(1);
    histogram!(DURATION).record(duration);
    if let Some(first_token) = first_token {
        histogram!(FIRST_TOKEN).record(first_token);
    }
    if let Some(usage) = usage {
        let details = usage.prompt_tokens_details;
        for (kind, count) in [
            ("prompt", usage.prompt_tokens),
            ("completion", usage.completion_tokens),
            ("cache_read", details.cached_tokens),
            ("cache_write", details.cache_write_tokens),
        ] {
            counter!(TOKENS, "kind" => kind).increment(count.into());
        }
    }
}

pub(crate) fn bedrock_failed(kind: FailureKind) {
    counter!(FAILURES, "kind" => format!("{kind:?}")).increment(1);
}

fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS).ok()?;
    let handle = builder.install_recorder().ok()?;
    describe_counter!(REQUESTS, "Requests by method, route and status");
    describe_counter!(ANSWERS, "Answers by how they ended: complete, cancelled (the client left), failed, interrupted");
    describe_counter!(
        TOKENS,
        "Tokens as Bedrock counted them; a prompt's include those read from and written to its cache"
    );
    describe_counter!(FAILURES, "Calls and streams of Bedrock that failed, by cause");
    describe_gauge!(RUNNING, "Answers that are being written");
    describe_histogram!(FIRST_TOKEN, "From the request to the first token");
    describe_histogram!(DURATION, "From the request to the end of the answer");
    Some(handle)
}
