//! What this runner takes and EC2 Image Builder does not.

use super::{Finding, Rule};
use crate::expression::{Reference, Template, has_braces};
use crate::yaml::{Node, Span, Value};

/// Image Builder's limit for documents that are passed inline, in characters.
const LONGEST_INLINE: usize = 16_000;
/// Phases that run in the build instance.
const BUILD_STAGE: [&str; 2] = ["build", "validate"];

/// References from one stage to the other, and braces that AWSTOE takes for references.
pub(super) fn references(tree: &Node<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let phases = tree.items_under("phases");
    for phase in phases {
        let name = phase.text_under("name");
        for step in phase.items_under("steps") {
            let before = findings.len();
            for key in ["inputs", "if", "loop"] {
                if let Some(entry) = step.entry(key) {
                    collect(&entry.value, name, &mut findings);
                }
            }
            for finding in &mut findings[before..] {
                finding.phase = Some(name.to_owned());
                finding.step = Some(step.text_under("name").to_owned());
            }
        }
    }
    findings
}

pub(super) fn size(document: &str) -> Option<Finding> {
    let length = document.chars().count();
    (length > LONGEST_INLINE).then(|| {
        let message = format!("the document has {length} characters; Image Builder takes {LONGEST_INLINE} inline");
        Finding::warning_without_place(Rule::TooLarge, message)
            .cure("create the component from an object in S3 (`uri`), or split it in two")
    })
}

fn collect(node: &Node<'_>, phase: &str, findings: &mut Vec<Finding>) {
    match &node.value {
        Value::Scalar(scalar) if has_braces(&scalar.text) => {
            let template = Template::parse(&scalar.text);
            for (range, reference) in template.placed_references() {
                let place = Span { start: node.place(range.start), end: node.place(range.end) };
                if let Reference::Chain(chain) = reference
                    && phase == "test"
                    && BUILD_STAGE.contains(&chain.phase.as_str())
                {
                    let message =
                        format!("`{{{{ {chain} }}}}` has no value in Image Builder: `test` runs on another instance");
                    findings.push(
                        Finding::error(Rule::StageChain, place, message)
                            .cure("find the value again in the test phase, or read it from a file of the image"),
                    );
                }
            }
            if let Some(offset) = template.literal_braces() {
                let place = Span { start: node.place(offset), end: node.place(offset + 2) };
                let message = "AWSTOE takes these braces for a reference and fails; here they are text".to_owned();
                findings.push(
                    Finding::warning(Rule::LiteralBraces, place, message)
                        .cure("declare a constant that holds `{{` and write `{{ Its_Name }}` in their place"),
                );
            }
        }
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, phase, findings)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| collect(&entry.value, phase, findings)),
    }
}
