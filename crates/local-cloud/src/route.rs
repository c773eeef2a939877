//! From a request to its service: who may speak, whose signature it is, and which handler answers.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::{self, Caller, Request, Response};
use crate::sigv4::{Authorization, Head, Rejection};
use crate::state::is_region;
use crate::wire::Protocol;
use crate::wire::query::Fields;

pub(crate) mod access;
mod host;
mod identity;
pub(crate) mod injection;
mod rejection;

use identity::Identity;
use injection::Injection;

/// The largest request of any service but S3, whose objects are streamed.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Answers one request, from wherever it came.
pub async fn handle_http<B>(cloud: &Arc<Cloud>, request: hyper::Request<B>) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    if let Err(fault) = host::check(request.headers()) {
        return Protocol::guess(request.headers()).fault(&fault);
    }
    let authorization = match Authorization::read(&Head::of(&request)) {
        Ok(authorization) => authorization,
        Err(rejection) => {
            let is_old = rejection == Rejection::Version2;
            let protocol = if is_old { Protocol::RestXml } else { Protocol::guess(request.headers()) };
            return protocol.fault(&rejection::fault(protocol, &rejection));
        }
    };
    let service = authorization.scope.service.clone();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let Some(protocol) = Protocol::of_service(&service) else {
        return unknown_service(Protocol::guess(request.headers()), &service);
    };
    let response = match serve_signed(cloud, protocol, &authorization, request).await {
        Ok(response) => response,
        Err(fault) => protocol.fault(&fault),
    };
    tracing::info!(%service, %method, path, status = response.status().as_u16(), "request");
    response
}

async fn serve_signed<B>(
    cloud: &Arc<Cloud>,
    protocol: Protocol,
    authorization: &Authorization,
    request: hyper::Request<B>,
) -> Result<Response, Fault>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let refused = |rejection: Rejection| rejection::fault(protocol, &rejection);
    let now = Timestamp::now();
    let identity = Identity::find(cloud, authorization, now).map_err(refused)?;
    let injection = Injection::asked(cloud, request.headers())?;
    if protocol == Protocol::RestXml {
        let hash = identity::s3_payload_hash(authorization, request.headers());
        authorization.verify(&Head::of(&request), &identity.secret, &hash, now).map_err(refused)?;
        let answer = Box::pin(async {
            service::s3::handle(cloud, identity.caller, request).await.unwrap_or_else(|fault| protocol.fault(&fault))
        });
        return Ok(match injection {
            Some(injection) => injection.around(cloud, (protocol, ""), answer).await,
            None => answer.await,
        });
    }
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let request = hyper::Request::from_parts(parts, ());
    let hash = identity::payload_hash(&body);
    authorization.verify(&Head::of(&request), &identity.secret, &hash, now).map_err(refused)?;
    let request = Request {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: request.into_parts().0.headers,
        body,
        caller: identity.caller,
        region: authorization.scope.region.clone(),
    };
    let service = &authorization.scope.service;
    access::check(service, &request)?;
    log_operation(service, &request);
    enter(cloud, service, &request.region)?;
    let action = cloud.injects_faults.then(|| access::action(service, &request));
    if action.as_ref().is_some_and(|action| !injection::only_reads(action)) {
        cloud.store.remember_before_a_call();
    }
    let answer = Box::pin(dispatch(cloud, service, request));
    Ok(match (injection, action) {
        (Some(injection), Some(action)) => injection.around(cloud, (protocol, &action), answer).await,
        _ => answer.await,
    })
}

/// Gives a region what it has from the beginning, the first time that it is asked for what belongs to a region.
fn enter(cloud: &Cloud, service: &str, region: &str) -> Result<(), Fault> {
    let is_regional = matches!(service, "ec2" | "ebs" | "imagebuilder" | "ssm");
    if !is_regional || !is_region(region) || cloud.store.read(|state| state.is_stocked(region)) {
        return Ok(());
    }
    cloud.store.change(|state| {
        state.stock(region);
        Ok(())
    })
}

async fn dispatch(cloud: &Arc<Cloud>, service: &str, request: Request) -> Response {
    match service {
        "ec2" => service::ec2::handle(cloud, request).await,
        "imagebuilder" => service::image_builder::handle(cloud, request).await,
        "ssm" => service::ssm::handle(cloud, &request),
        "secretsmanager" => service::secrets_manager::handle(cloud, &request),
        "iam" => service::iam::handle(&request),
        "servicequotas" => service::quotas::handle(&request),
        "ec2-instance-connect" => service::instance_connect::handle(cloud, &request),
        "sts" => service::sts::handle(&request),
        "bedrock" => service::bedrock::handle(cloud, request).await,
        "ebs" => service::ebs::handle(cloud, request).await,
        other => unknown_service(Protocol::RestJson, other),
    }
}

/// Where the path does not tell it.
fn log_operation(service: &str, request: &Request) {
    if request.path != "/" {
        return;
    }
    let fields = Fields::parse(request);
    if let Some(operation) = service::operation(request).or_else(|| fields.form().text("Action")) {
        tracing::info!(service, operation, "operation");
    }
}

async fn read<B>(body: B) -> Result<Bytes, Fault>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Fault::new(413, "RequestEntityTooLarge", format!("A request may be at most {BODY_LIMIT} bytes long")))
        }
        Err(error) => Err(Fault::client("IncompleteBody", format!("The request's body did not arrive: {error}"))),
    }
}

fn unknown_service(protocol: Protocol, service: &str) -> Response {
    let message = format!(
        "The local cloud does not emulate the service '{service}' of the credential scope; \
         it emulates ec2, ec2-instance-connect, ebs, imagebuilder, s3, ssm, secretsmanager, sts, iam, servicequotas and bedrock"
    );
    protocol.fault(&Fault::new(404, "UnknownService", message))
}

/// The name AWS uses for who called, such as in `GetCallerIdentity`.
pub(crate) fn caller_arn(caller: &Caller) -> String {
    let account = crate::state::ACCOUNT;
    match caller {
        Caller::Operator => format!("arn:aws:iam::{account}:user/local"),
        Caller::Instance { instance_id, role } => format!("arn:aws:sts::{account}:assumed-role/{role}/{instance_id}"),
    }
}
