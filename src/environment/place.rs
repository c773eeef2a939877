//! Where an instance may run: types and subnets in the order in which they are wanted.

use std::fmt;

use super::Environment;

/// Types of instances, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTypes {
    /// The one that is wanted most.
    pub first: String,
    /// What is taken where AWS has no machine of it free, in this order.
    pub others: Vec<String>,
}

impl InstanceTypes {
    pub fn in_order(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first).chain(&self.others).map(String::as_str)
    }
}

impl fmt::Display for InstanceTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        if !self.others.is_empty() {
            write!(f, " (or {} where there is no machine of it)", self.others.join(", "))?;
        }
        Ok(())
    }
}

/// One attempt to have an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub instance_type: &'a str,
    /// The default one where there is none.
    pub subnet: Option<&'a str>,
}

impl Environment {
    /// Every place in which an instance may run, in order: a type is looked for in all subnets before the next one is taken.
    pub fn places(&self) -> Vec<Place<'_>> {
        let subnets: Vec<Option<&str>> = match self.subnets.as_slice() {
            [] => vec![None],
            named => named.iter().map(|subnet| Some(subnet.as_str())).collect(),
        };
        let of_type = |instance_type| subnets.iter().map(move |subnet| Place { instance_type, subnet: *subnet });
        self.instance_types.in_order().flat_map(of_type).collect()
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.instance_type)?;
        self.subnet.map_or(Ok(()), |subnet| write!(f, " in {subnet}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_looked_for_in_every_subnet_before_the_next_one_is_taken() {
        let mut environment = Environment::local();
        let places = |environment: &Environment| {
            environment.places().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(places(&environment), "t3.medium, t3a.medium");
        environment.subnets = vec!["subnet-1".to_owned(), "subnet-2".to_owned()];
        assert_eq!(
            places(&environment),
            "t3.medium in subnet-1, t3.medium in subnet-2, t3a.medium in subnet-1, t3a.medium in subnet-2"
        );
    }
}
