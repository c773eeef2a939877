//! Instance types: any name of AWS's shape is one, and a guest of it has two processors and the memory that its size says, up to 1 GiB.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::{Answer, Call, launch};
use crate::fault::Fault;
use crate::vm::machine::memory_mib;
use crate::wire::xml::Items;

/// Those that are told where nobody asks for certain ones.
const USUAL: [&str; 5] = ["t3.nano", "t3.micro", "t3.small", "t3.medium", "t3.large"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    instance_type_set: Items<InstanceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceType {
    instance_type: String,
    current_generation: bool,
    bare_metal: bool,
    hypervisor: &'static str,
    processor_info: Processor,
    v_cpu_info: Processors,
    memory_info: Memory,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Processor {
    supported_architectures: Items<&'static str>,
}

#[derive(Clone, Serialize)]
struct Processors {
    #[serde(rename = "defaultVCpus")]
    default: u32,
}

#[derive(Clone, Serialize)]
struct Memory {
    #[serde(rename = "sizeInMiB")]
    size_mib: u32,
}

impl InstanceType {
    fn of(name: &str) -> Self {
        Self {
            instance_type: name.to_owned(),
            current_generation: true,
            bare_metal: false,
            hypervisor: "nitro",
            processor_info: Processor { supported_architectures: ["x86_64"].into_iter().collect() },
            v_cpu_info: Processors { default: 2 },
            memory_info: Memory { size_mib: memory_mib(name) },
        }
    }
}

const FILTERS: &Table<InstanceType> = &[
    ("current-generation", |it| vec![it.current_generation.to_string()]),
    ("instance-type", |it| vec![it.instance_type.clone()]),
    ("processor-info.supported-architecture", |_| vec!["x86_64".to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    let mut names = call.form.list("InstanceType");
    call.ready()?;
    if let Some(name) = names.iter().find(|name| launch::instance_type(name).is_err()) {
        let message = format!("The following supplied instance types do not exist: [{name}]");
        return Err(Fault::client("InvalidInstanceType", message));
    }
    if names.is_empty() {
        names = USUAL.to_vec();
    }
    let types = names.into_iter().map(InstanceType::of).collect();
    let (types, next_token) = page.cut(filters.keep(types, FILTERS, |_| &[])?);
    call.answer(&Described { instance_type_set: types.into_iter().collect(), next_token })
}
