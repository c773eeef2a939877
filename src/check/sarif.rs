//! A report in SARIF 2.1.0, the format in which code hosts take findings.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::finding::{Finding, Report, Severity};

/// The log of one run. Paths are relative to where the check ran, which in CI is the repository's root.
pub fn sarif(report: &Report) -> Value {
    let rules: Vec<&str> =
        report.findings.iter().map(|it| it.rule.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let rule = |id: &&str| json!({ "id": id, "shortDescription": { "text": id.replace('-', " ") } });
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "veris check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": report.findings.iter().map(|finding| result(finding, &rules)).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Finding, rules: &[&str]) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.file) } });
    if let Some(line) = finding.line {
        let mut region = json!({ "startLine": line });
        for (key, column) in [("startColumn", finding.column), ("endColumn", finding.end_column)] {
            if let Some(column) = column {
                region[key] = json!(column);
            }
        }
        if let Some(source) = &finding.source {
            region["snippet"] = json!({ "text": source });
        }
        place["region"] = region;
    }
    let text = match &finding.cure {
        Some(cure) => format!("{}: {cure}", finding.message),
        None => finding.message.clone(),
    };
    json!({
        "ruleId": finding.rule,
        "ruleIndex": rules.binary_search(&finding.rule.as_str()).unwrap_or_default(),
        "level": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": place }],
    })
}

/// The path as a URI: relative stays relative.
fn uri(path: &str) -> String {
    let Ok(mut url) = url::Url::parse("file:///") else { return path.to_owned() };
    url.set_path(path);
    if path.starts_with('/') { url.into() } else { url.path().trim_start_matches('/').to_owned() }
}
