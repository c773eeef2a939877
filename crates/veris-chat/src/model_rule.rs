//! The organisation's rule for models: only `us.` inference profiles, called from us-east-1.
//!
//! Breaking the rule is a warning and not an error, because other accounts have other rules.

const ALLOWED_PREFIX: &str = "us.";
const ALLOWED_REGION: &str = "us-east-1";

/// One sentence for each way in which the settings break the rule, with the cure.
pub fn warnings(model_id: &str, region: &str) -> Vec<String> {
    let model = (!model_id.starts_with(ALLOWED_PREFIX)).then(|| {
        format!(
            "the organisation's policy denies model `{model_id}`: set MODEL_ID to the inference profile `{}`",
            profile_of(model_id)
        )
    });
    let region = (region != ALLOWED_REGION).then(|| {
        format!("`us.` inference profiles are called from {ALLOWED_REGION}, not from `{region}`: set AWS_REGION={ALLOWED_REGION}")
    });
    model.into_iter().chain(region).collect()
}

/// The `us.` inference profile of a direct or `global.` model id.
pub(crate) fn profile_of(model_id: &str) -> String {
    let direct = model_id.strip_prefix("global.").or(model_id.strip_prefix(ALLOWED_PREFIX)).unwrap_or(model_id);
    format!("{ALLOWED_PREFIX}{direct}")
}

#[cfg(test)]
mod tests {
    use super::warnings;

    #[test]
    fn a_us_profile_in_us_east_1_is_silent() {
        assert_eq!(warnings("us.anthropic.claude-opus-4-5-20251101-v1:0", "us-east-1"), Vec::<String>::new());
    }

    #[test]
    fn both_mistakes_of_the_past_are_named_with_their_cure() {
        insta::assert_snapshot!(warnings("global.anthropic.claude-opus-4-5-20251101-v1:0", "ap-southeast-2").join("\n"), @"
        the organisation's policy denies model `global.anthropic.claude-opus-4-5-20251101-v1:0`: set MODEL_ID to the inference profile `us.anthropic.claude-opus-4-5-20251101-v1:0`
        `us.` inference profiles are called from us-east-1, not from `ap-southeast-2`: set AWS_REGION=us-east-1
        ");
        assert!(warnings("anthropic.claude-x", "us-east-1")[0].ends_with("`us.anthropic.claude-x`"));
    }
}
