//! Who may call which model, in the words of AWS: the instance profile, the organisation's service control policy, and the one
//! region that has the models.

use super::Operation;
use crate::fault::Fault;
use crate::route::caller_arn;
use crate::service::{Caller, Request};
use crate::state::ACCOUNT;

/// The region from which the `us.` inference profiles are called.
const REGION: &str = "us-east-1";

/// The models behind the local cloud's `us.` inference profiles.
const MODELS: [&str; 9] = [
    "anthropic.claude-opus-4-5-20251101-v1:0",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "anthropic.claude-opus-4-1-20250805-v1:0",
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-opus-4-6-v1",
    "anthropic.claude-sonnet-4-6",
    "anthropic.claude-opus-5",
    "anthropic.claude-opus-5-5",
];

/// Embedding models, which the policy exempts: they have no inference profile, and today's documents are embedded with the first.
const EMBEDDING_MODELS: [&str; 2] = ["cohere.embed-english-v3", "cohere.embed-multilingual-v3"];
/// The embedding model behind a `us.` profile.
const EMBEDDING_PROFILE: &str = "cohere.embed-v4:0";

/// How a model is named.
#[derive(Debug, PartialEq, Eq)]
enum ModelId<'a> {
    /// The model itself, in this region.
    Direct(&'a str),
    /// A `global.` inference profile.
    Global(&'a str),
    /// A profile of a part of the world: its prefix and the model.
    Regional(&'a str, &'a str),
}

impl<'a> ModelId<'a> {
    /// Reads an id, or the id at the end of an ARN.
    fn read(id: &'a str) -> Self {
        let id = if id.starts_with("arn:") { id.rsplit_once('/').map_or(id, |(_, id)| id) } else { id };
        match id.split_once('.') {
            Some(("global", model)) => Self::Global(model),
            Some((prefix @ ("us" | "eu" | "apac" | "jp" | "au" | "ca" | "us-gov"), model)) => {
                Self::Regional(prefix, model)
            }
            _ => Self::Direct(id),
        }
    }
}

/// Lets an instance call the `us.` profiles from their region, embed texts, and nobody anything else.
pub(super) fn check(request: &Request, model: &str, operation: Operation) -> Result<(), Fault> {
    let id = ModelId::read(model);
    let region = &request.region;
    let resource = match id {
        ModelId::Direct(model) => format!("arn:aws:bedrock:{region}::foundation-model/{model}"),
        // A global profile has no region of its own, and its denial names none.
        ModelId::Global(model) => format!("arn:aws:bedrock:::foundation-model/{model}"),
        ModelId::Regional(prefix, model) => {
            format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{prefix}.{model}")
        }
    };
    let denied = |why: &str| {
        let (who, action) = (caller_arn(&request.caller), operation.action());
        let message = format!("User: {who} is not authorized to perform: {action} on resource: {resource} {why}");
        Fault::new(403, "AccessDeniedException", message)
    };
    if request.caller == Caller::Operator {
        return Err(denied(&format!("because no identity-based policy allows the {} action", operation.action())));
    }
    if operation == Operation::InvokeModel {
        return match id {
            ModelId::Direct(model) if EMBEDDING_MODELS.contains(&model) => Ok(()),
            ModelId::Regional("us", EMBEDDING_PROFILE) if region == REGION => Ok(()),
            ModelId::Direct(_) | ModelId::Global(_) => Err(denied("with an explicit deny in a service control policy")),
            ModelId::Regional(..) => {
                Err(Fault::client("ValidationException", "The provided model identifier is invalid."))
            }
        };
    }
    match id {
        ModelId::Direct(_) | ModelId::Global(_) => Err(denied("with an explicit deny in a service control policy")),
        ModelId::Regional("us", model) if region == REGION && MODELS.contains(&model) => Ok(()),
        ModelId::Regional(..) => Err(Fault::client("ValidationException", "The provided model identifier is invalid.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_means_the_id_at_its_end() {
        let profile = "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.anthropic.claude-opus-5";
        assert_eq!(ModelId::read(profile), ModelId::Regional("us", "anthropic.claude-opus-5"));
        let model = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5";
        assert_eq!(ModelId::read(model), ModelId::Direct("anthropic.claude-opus-5"));
    }
}
