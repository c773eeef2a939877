//! EC2, API version 2016-11-15: images, instances and addresses, and as much around them as clients ask for.
#![expect(clippy::struct_field_names, reason = "members are named as EC2 names its elements")]

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::{Request, Response};
use crate::wire::Protocol;
use crate::wire::query::{Fields, Form};
use crate::wire::xml;

mod addresses;
mod console;
mod copy_image;
mod deregister_image;
mod filters;
mod image_attribute;
mod image_references;
mod images;
mod instance_attribute;
mod instance_state;
mod instance_status;
mod instance_types;
mod instances;
mod ip_permissions;
mod launch;
mod network;
mod pages;
mod regions;
mod security_group_rules;
mod security_groups;
mod snapshots;
mod tags;
mod user_data;
mod volumes;

/// An operation's answer.
type Answer = Result<Response, Fault>;

/// One call of an operation.
struct Call<'a> {
    cloud: &'a Cloud,
    action: &'a str,
    form: Form<'a>,
    region: &'a str,
}

pub async fn handle(cloud: &Cloud, request: Request) -> Response {
    let fields = Fields::parse(&request);
    let form = fields.form();
    let Some(action) = form.text("Action") else { return Protocol::Ec2Query.fault(&Fault::invalid_action(None)) };
    form.ignore(&["Version"]);
    let call = Call { cloud, action, form, region: &request.region };
    dispatch(&call).await.unwrap_or_else(|fault| Protocol::Ec2Query.fault(&fault))
}

async fn dispatch(call: &Call<'_>) -> Answer {
    match call.action {
        "AllocateAddress" => addresses::allocate(call).await,
        "AssociateAddress" => addresses::associate(call).await,
        "AuthorizeSecurityGroupIngress" => security_group_rules::authorize(call),
        "CopyImage" => copy_image::copy(call),
        "CreateTags" => tags::create(call),
        "DeleteSnapshot" => snapshots::delete(call).await,
        "DeleteTags" => tags::delete(call),
        "DeregisterImage" => deregister_image::deregister(call).await,
        "DescribeAddresses" => addresses::describe(call),
        "DescribeAvailabilityZones" => regions::describe_zones(call),
        "DescribeImageAttribute" => image_attribute::describe(call),
        "DescribeImageReferences" => image_references::describe(call),
        "DescribeImages" => images::describe(call),
        "DescribeInstanceAttribute" => instance_attribute::describe(call),
        "DescribeInstanceStatus" => instance_status::describe(call),
        "DescribeInstanceTypes" => instance_types::describe(call),
        "DescribeInstances" => instances::describe(call),
        "DescribeKeyPairs" => network::describe_key_pairs(call),
        "DescribeRegions" => regions::describe(call),
        "DescribeSecurityGroupRules" => security_group_rules::describe(call),
        "DescribeSecurityGroups" => security_groups::describe(call),
        "DescribeSnapshots" => snapshots::describe(call),
        "DescribeSubnets" => network::describe_subnets(call),
        "DescribeTags" => tags::describe(call),
        "DescribeVolumes" => volumes::describe(call),
        "DescribeVpcs" => network::describe_vpcs(call),
        "DisassociateAddress" => addresses::disassociate(call).await,
        "GetConsoleOutput" => console::output(call),
        "ModifyImageAttribute" => image_attribute::modify(call),
        "ModifyInstanceAttribute" => instance_attribute::modify(call),
        "RebootInstances" => instance_state::reboot(call),
        "ReleaseAddress" => addresses::release(call),
        "RevokeSecurityGroupIngress" => security_group_rules::revoke(call),
        "RunInstances" => launch::run_instances(call).await,
        "StartInstances" => instance_state::start(call).await,
        "StopInstances" => instance_state::stop(call).await,
        "TerminateInstances" => instance_state::terminate(call).await,
        "UpdateSecurityGroupRuleDescriptionsIngress" => security_group_rules::describe_anew(call),
        other => Err(Fault::invalid_action(Some(other))),
    }
}

impl Call<'_> {
    /// To be called when every parameter was read and found good, before anything is changed or answered.
    fn ready(&self) -> Result<(), Fault> {
        let dry = self.form.parsed::<bool>("DryRun")?.unwrap_or(false);
        self.form.done()?;
        if dry {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(Fault::new(412, "DryRunOperation", message));
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "every operation ends with it")]
    fn answer(&self, body: &impl serde::Serialize) -> Answer {
        Ok(xml::ec2_answer(self.action, body))
    }

    /// `<return>true</return>`.
    fn answer_true(&self) -> Answer {
        self.answer(&Returned { r#return: true })
    }

    /// The only availability zone.
    fn zone(&self) -> String {
        format!("{}a", self.region)
    }
}

#[derive(serde::Serialize)]
struct Returned {
    r#return: bool,
}

/// A time as EC2 writes it.
fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// `i-0123…` is an id with the prefix `i-`.
fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric()))
}
