//! What an instance's role may do. The operator may do everything.

use crate::fault::Fault;
use crate::route::caller_arn;
use crate::service::{Caller, Request};
use crate::wire::query::Fields;

/// Lets an instance call Bedrock, ask who it is, read parameters, as the managed policy `AmazonSSMManagedInstanceCore` does, and read
/// secrets, which a role of AWS is allowed one by one; S3 is judged by its own access check.
pub(super) fn check(service: &str, request: &Request) -> Result<(), Fault> {
    if request.caller == Caller::Operator || service == "bedrock" {
        return Ok(());
    }
    let action = action(service, request);
    if role_may(service, &action) { Ok(()) } else { Err(denied(service, &action, &request.caller)) }
}

/// What an instance's role is allowed. Whether a model may be called depends on the model, too.
pub(crate) fn role_may(service: &str, action: &str) -> bool {
    matches!(
        (service, action),
        ("sts", "GetCallerIdentity")
            | ("ssm", "GetParameter" | "GetParameters")
            | ("secretsmanager", "GetSecretValue")
            | ("s3", "GetObject")
            | ("bedrock", "InvokeModel" | "InvokeModelWithResponseStream")
    )
}

/// The refusal in the service's own words.
fn denied(service: &str, action: &str, caller: &Caller) -> Fault {
    let who = caller_arn(caller);
    let reason = format!(
        "User: {who} is not authorized to perform: {service}:{action} \
         because no identity-based policy allows the {service}:{action} action"
    );
    match service {
        "ec2" => Fault::new(
            403,
            "UnauthorizedOperation",
            format!("You are not authorized to perform this operation. {reason}"),
        ),
        "iam" | "sts" => Fault::new(403, "AccessDenied", reason),
        "ec2-instance-connect" | "secretsmanager" | "servicequotas" | "ssm" => {
            Fault::client("AccessDeniedException", reason)
        }
        _ => Fault::new(403, "AccessDeniedException", reason),
    }
}

/// The operation's name.
pub(super) fn action(service: &str, request: &Request) -> String {
    let action = match service {
        "ec2" | "iam" | "sts" => Fields::parse(request).form().text("Action").map(ToOwned::to_owned),
        "ec2-instance-connect" | "secretsmanager" | "servicequotas" | "ssm" => {
            crate::service::operation(request).map(ToOwned::to_owned)
        }
        "ebs" => crate::service::ebs::action(request).map(ToOwned::to_owned),
        _ => request.path.split('/').nth(1).map(ToOwned::to_owned),
    };
    action.unwrap_or_default()
}
