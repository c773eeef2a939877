//! Which instance a command is about: the live one, or the one that the user names.

use super::Instance;
use crate::addresses::{self, Address};
use crate::context::Context;
use crate::error::{Failure, user};

/// An instance of the service, and whether it is behind the address.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub instance: Instance,
    pub live: bool,
}

/// The instance that `target` names by its id or its version; without one the live instance.
pub async fn choose(context: &Context, target: Option<&str>) -> anyhow::Result<Chosen> {
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), super::list(&context.clients, &service))?;
    Ok(among(instances, address.as_ref(), target, &service)?)
}

fn among(
    instances: Vec<Instance>,
    address: Option<&Address>,
    target: Option<&str>,
    service: &str,
) -> Result<Chosen, Failure> {
    let holder = address.and_then(|address| address.holder.as_deref());
    let known: Vec<String> =
        instances.iter().map(|instance| format!("{} ({})", instance.instance_id, instance.version)).collect();
    let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
    let known = format!("instances of {service}: {known}");
    let is_live = |instance: &Instance| Some(instance.instance_id.as_str()) == holder;
    let Some(target) = target else {
        let live = instances.into_iter().find(is_live);
        let nothing = || user(format!("nothing of {service} is live; name the instance")).hint(known);
        return Ok(Chosen { instance: live.ok_or_else(nothing)?, live: true });
    };
    let is_meant = |instance: &Instance| instance.instance_id == target || instance.version.to_string() == target;
    let mut meant = instances.into_iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(instance), None) => Ok(Chosen { live: is_live(&instance), instance }),
        (None, _) => Err(user(format!("no instance of {service} is or has `{target}`")).hint(known)),
        (Some(_), Some(_)) => {
            Err(user(format!("several instances of {service} have version {target}: name one by its id")).hint(known))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::State;

    fn instance(id: &str, version: &str) -> Instance {
        Instance {
            instance_id: id.to_owned(),
            instance_type: "t3.medium".to_owned(),
            state: State::Running,
            state_reason: None,
            public_ip: None,
            service: "chat".to_owned(),
            version: version.parse().unwrap(),
            digest: String::new(),
            commit: String::new(),
            image_id: String::new(),
            launched: None,
            deployment: None,
            promoted_at: None,
            rolled_back_at: None,
        }
    }

    #[test]
    fn the_live_instance_is_meant_unless_another_is_named_without_doubt() {
        let instances = [instance("i-1", "1.0.0"), instance("i-2", "1.1.0"), instance("i-3", "1.1.0")];
        let (allocation_id, ip) = ("eipalloc-1".to_owned(), [192, 0, 2, 1].into());
        let address = Address { allocation_id, ip, holder: Some("i-2".to_owned()) };
        let chosen = |target| {
            let chosen = among(instances.to_vec(), Some(&address), target, "chat");
            chosen.map(|chosen| (chosen.instance.instance_id, chosen.live)).map_err(|error| error.to_string())
        };
        assert_eq!(chosen(None), Ok(("i-2".to_owned(), true)));
        assert_eq!(chosen(Some("1.0.0")), Ok(("i-1".to_owned(), false)));
        assert_eq!(chosen(Some("i-2")), Ok(("i-2".to_owned(), true)));
        assert!(chosen(Some("1.1.0")).unwrap_err().contains("several instances"));
        assert!(chosen(Some("2.0.0")).unwrap_err().contains("no instance"));
        assert!(among(instances.to_vec(), None, None, "chat").unwrap_err().to_string().contains("nothing"));
    }
}
