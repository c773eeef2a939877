//! Attributes of AMIs: the description, and the accounts that may launch an AMI beside its owner.

use serde::Serialize;

use super::{Answer, Call, images};
use crate::fault::Fault;
use crate::service::kms_keys::{is_account, is_default};
use crate::state::Image;
use crate::wire::query::Form;
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    image_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imds_support: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_permission: Option<Items<Permission>>,
}

#[derive(Serialize)]
struct Value {
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    user_id: String,
}

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (id, attribute) = (call.form.required("ImageId")?, call.form.required("Attribute")?);
    let image = find(call, id)?;
    let mut described =
        Described { image_id: id.to_owned(), description: None, imds_support: None, launch_permission: None };
    match attribute {
        "description" => described.description = Some(Value { value: image.description }),
        "imdsSupport" => described.imds_support = Some(Value { value: images::IMDS_SUPPORT.to_owned() }),
        "launchPermission" => {
            let permissions = image.shared_with.into_iter().map(|user_id| Permission { user_id });
            described.launch_permission = Some(permissions.collect());
        }
        other => return Err(unknown(other)),
    }
    call.ready()?;
    call.answer(&described)
}

/// What is to become of an image.
enum Change<'a> {
    Description(&'a str),
    Permissions { add: Vec<&'a str>, remove: Vec<&'a str> },
}

pub(super) fn modify(call: &Call<'_>) -> Answer {
    let id = call.form.required("ImageId")?;
    let change = Change::read(&call.form)?;
    let image = find(call, id)?;
    if let Change::Permissions { add, .. } = &change
        && !add.is_empty()
        && image.kms_key.as_deref().is_some_and(is_default)
    {
        let message = "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.";
        return Err(Fault::client("InvalidParameter", message));
    }
    call.ready()?;
    call.cloud.store.change(|state| {
        let images = state.images_mut(call.region);
        images::find(images, id)?;
        if let Some(image) = images.get_mut(id) {
            change.apply(image);
        }
        Ok(())
    })?;
    call.answer_true()
}

/// One's own image.
fn find(call: &Call<'_>, id: &str) -> Result<Image, Fault> {
    let image = call.cloud.store.read(|state| images::find(state.images(call.region), id).cloned())?;
    images::owned(&image)?;
    Ok(image)
}

impl<'a> Change<'a> {
    /// In either of EC2's forms: the attribute's name and what becomes of it, or a parameter of that name.
    fn read(form: &Form<'a>) -> Result<Self, Fault> {
        let description = form.structure("Description").raw("Value");
        let permissions = Self::permissions(form)?;
        let by_name = form.text("Attribute").map(|attribute| Self::by_name(form, attribute)).transpose()?;
        let mut given = description.map(Self::Description).into_iter().chain(permissions).chain(by_name);
        let change = given.next().ok_or_else(|| missing("Attribute"))?;
        if given.next().is_some() {
            let message = "Fields for multiple attribute types specified";
            return Err(Fault::client("InvalidParameterCombination", message));
        }
        if let Self::Description(text) = &change {
            images::check_description(text)?;
        }
        Ok(change)
    }

    /// `LaunchPermission.Add.N.UserId` and `LaunchPermission.Remove.N.UserId`.
    fn permissions(form: &Form<'a>) -> Result<Option<Self>, Fault> {
        let form = form.structure("LaunchPermission");
        let accounts = |name: &str| {
            let (mut accounts, mut groups) = (Vec::new(), Vec::new());
            for item in form.structures(name) {
                accounts.extend(item.text("UserId"));
                groups.extend(item.text("Group"));
            }
            (accounts, groups)
        };
        let (add, add_groups) = accounts("Add");
        let (remove, remove_groups) = accounts("Remove");
        if [&add, &add_groups, &remove, &remove_groups].iter().all(|list| list.is_empty()) {
            return Ok(None);
        }
        check_groups(&add_groups, true)?;
        check_groups(&remove_groups, false)?;
        Self::of_accounts(add, remove).map(Some)
    }

    fn by_name(form: &Form<'a>, attribute: &str) -> Result<Self, Fault> {
        match attribute {
            "description" => Ok(Self::Description(form.raw("Value").ok_or_else(|| missing("Value"))?)),
            "launchPermission" => {
                let (accounts, groups) = (form.list("UserId"), form.list("UserGroup"));
                let operation = form.required("OperationType")?;
                let is_added = match operation {
                    "add" => true,
                    "remove" => false,
                    other => {
                        let message = format!("Value ({other}) for parameter operationType is invalid.");
                        return Err(Fault::client("InvalidParameterValue", message));
                    }
                };
                check_groups(&groups, is_added)?;
                if accounts.is_empty() && groups.is_empty() {
                    return Err(missing("UserId"));
                }
                if is_added { Self::of_accounts(accounts, Vec::new()) } else { Self::of_accounts(Vec::new(), accounts) }
            }
            other => Err(unknown(other)),
        }
    }

    fn of_accounts(add: Vec<&'a str>, remove: Vec<&'a str>) -> Result<Self, Fault> {
        match add.iter().chain(&remove).find(|account| !is_account(account)) {
            Some(other) => Err(invalid_item(other, "userId")),
            None => Ok(Self::Permissions { add, remove }),
        }
    }

    fn apply(&self, image: &mut Image) {
        match self {
            Self::Description(text) => (*text).clone_into(&mut image.description),
            Self::Permissions { add, remove } => {
                image.shared_with.extend(add.iter().map(ToString::to_string));
                image.shared_with.retain(|account| !remove.contains(&account.as_str()));
            }
        }
    }
}

/// Nobody makes an image public in an account that blocks it, as new accounts do. To take that back changes nothing.
fn check_groups(groups: &[&str], is_added: bool) -> Result<(), Fault> {
    if let Some(other) = groups.iter().find(|group| **group != "all") {
        return Err(invalid_item(other, "userGroup"));
    }
    if !is_added || groups.is_empty() {
        return Ok(());
    }
    let message = "You can\u{2019}t publicly share this image because block public access for AMIs is enabled for this \
                   account. To publicly share the image, you must call the DisableImageBlockPublicAccess API.";
    Err(Fault::client("OperationNotPermitted", message))
}

fn invalid_item(item: &str, kind: &str) -> Fault {
    let message = format!("Invalid attribute item value \"{item}\" for {kind} item type.");
    Fault::client("InvalidAMIAttributeItemValue", message)
}

fn missing(parameter: &str) -> Fault {
    Fault::client("MissingParameter", format!("The request must contain the parameter {parameter}"))
}

fn unknown(attribute: &str) -> Fault {
    let message = format!("The local cloud does not know the attribute '{attribute}' of an image");
    Fault::client("InvalidParameterValue", message)
}
