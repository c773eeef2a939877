//! Instances that earlier demos launched: nobody else misses them, and their guests take memory.

use anyhow::Result;
use local_cloud::layout::Layout;

use crate::context::Context;
use crate::instances;

/// Ids of the instances earlier demos launched; none where the note is missing or unreadable.
pub fn read(layout: &Layout) -> Vec<String> {
    let note = std::fs::read(layout.directory.join("demo.json")).unwrap_or_default();
    serde_json::from_slice(&note).unwrap_or_default()
}

/// Notes the instances of this demo, for the next one.
pub fn write(layout: &Layout, instances: &[String]) -> Result<()> {
    Ok(fs_err::write(layout.directory.join("demo.json"), serde_json::to_vec(instances)?)?)
}

/// Terminates those that still exist. None of them is live any more once this demo has launched its own.
pub async fn terminate(context: &Context, earlier: &[String]) -> Result<()> {
    let existing = instances::list(&context.clients, context.recipe.service.as_str()).await?;
    for instance in existing.iter().filter(|instance| earlier.contains(&instance.instance_id)) {
        let mut stage = context.printer.stage(format!("Terminate {} ({})", instance.instance_id, instance.version));
        instances::terminate(&context.clients, &instance.instance_id, &mut stage).await?;
        stage.done("");
    }
    Ok(())
}
