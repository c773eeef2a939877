//! STS: who am I.

use serde::Serialize;

use crate::fault::Fault;
use crate::route::caller_arn;
use crate::service::{Caller, Request, Response};
use crate::state::ACCOUNT;
use crate::wire::query::Fields;
use crate::wire::{Protocol, xml};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub fn handle(request: &Request) -> Response {
    let fields = Fields::parse(request);
    match fields.form().text("Action") {
        Some("GetCallerIdentity") => {
            xml::query_answer("GetCallerIdentity", NAMESPACE, &CallerIdentity::of(&request.caller))
        }
        action => Protocol::Query.fault(&Fault::invalid_action(action)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
    user_id: String,
    account: &'static str,
}

impl CallerIdentity {
    fn of(caller: &Caller) -> Self {
        let user_id = match caller {
            Caller::Operator => "AIDALOCALCLOUDUSER00".to_owned(),
            Caller::Instance { instance_id, .. } => format!("AROALOCALCLOUDROLE00:{instance_id}"),
        };
        Self { arn: caller_arn(caller), user_id, account: ACCOUNT }
    }
}
