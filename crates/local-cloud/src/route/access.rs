//! What an instance's role may do. The operator may do everything.

use crate::fault::Fault;
use crate::route::caller_arn;
use crate::service::{Caller, Request};
use crate::wire::query::Fields;

/// Lets an instance call Bedrock, ask who it is and read parameters, as the managed policy `AmazonSSMManagedInstanceCore` does; S3
/// is judged by its own access check.
pub(super) fn check(service: &str, request: &Request) -> Result<(), Fault> {
    if request.caller == Caller::Operator || service == "bedrock" {
        return Ok(());
    }
    let action = action(service, request);
    match (service, action.as_str()) {
        ("sts", "GetCallerIdentity") | ("ssm", "GetParameter" | "GetParameters") => Ok(()),
        _ => Err(denied(service, &action, &request.caller)),
    }
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
        "sts" => Fault::new(403, "AccessDenied", reason),
        "ssm" | "ec2-instance-connect" => Fault::client("AccessDeniedException", reason),
        _ => Fault::new(403, "AccessDeniedException", reason),
    }
}

/// The operation's name.
pub(super) fn action(service: &str, request: &Request) -> String {
    let action = match service {
        "ec2" | "sts" => Fields::parse(request).form().text("Action").map(ToOwned::to_owned),
        "ssm" | "ec2-instance-connect" => crate::service::operation(request).map(ToOwned::to_owned),
        "ebs" => crate::service::ebs::action(request).map(ToOwned::to_owned),
        _ => request.path.split('/').nth(1).map(ToOwned::to_owned),
    };
    action.unwrap_or_default()
}
