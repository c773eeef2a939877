//! Users and groups by name or number, from the machine's own files.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use super::ActionError;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user's or group's name or number, as written in a document.
#[derive(Debug, Clone)]
pub(super) struct Account(String);

pub(super) struct User {
    pub(super) id: u32,
    /// The user's own group; unknown for a bare number without an account.
    pub(super) group: Option<u32>,
}

impl FromStr for Account {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Account {
    pub(super) fn user(&self) -> Result<User, ActionError> {
        let users = read(USERS)?;
        if let Some([id, group]) = find_user(&users, &self.0) {
            return Ok(User { id, group: Some(group) });
        }
        let missing = || ActionError::NoAccount { kind: "user", name: self.0.clone(), file: USERS };
        self.0.parse().map(|id| User { id, group: None }).map_err(|_| missing())
    }

    pub(super) fn group(&self) -> Result<u32, ActionError> {
        let groups = read(GROUPS)?;
        let missing = || ActionError::NoAccount { kind: "group", name: self.0.clone(), file: GROUPS };
        find_group(&groups, &self.0).or_else(|| self.0.parse().ok()).ok_or_else(missing)
    }
}

fn read(file: &'static str) -> Result<String, ActionError> {
    let bytes = fs::read(file).map_err(ActionError::file("read", Path::new(file)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// User and group number of the account with this name or, failing that, this number.
fn find_user(users: &str, wanted: &str) -> Option<[u32; 2]> {
    let fields = |line: &'_ str| -> Option<(String, [u32; 2])> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        Some((name.to_owned(), [fields.next()?.parse().ok()?, fields.next()?.parse().ok()?]))
    };
    let named = users.lines().filter_map(fields).find(|(name, _)| name == wanted);
    let numbered = || users.lines().filter_map(fields).find(|(_, [id, _])| id.to_string() == wanted);
    named.or_else(numbered).map(|(_, numbers)| numbers)
}

fn find_group(groups: &str, wanted: &str) -> Option<u32> {
    let line = groups.lines().find(|line| line.split(':').next() == Some(wanted))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\n# odd line\nchat:x:991:990::/:/sbin/nologin\n1000:x:7:7::/:\n";

    #[test]
    fn users_are_found_by_name_before_number() {
        assert_eq!(find_user(USERS, "chat"), Some([991, 990]));
        assert_eq!(find_user(USERS, "991"), Some([991, 990]));
        assert_eq!(find_user(USERS, "1000"), Some([7, 7]));
        assert_eq!(find_user(USERS, "nobody"), None);
    }

    #[test]
    fn groups_are_found_by_name() {
        assert_eq!(find_group("root:x:0:\nwheel:x:10:ec2-user\n", "wheel"), Some(10));
        assert_eq!(find_group("root:x:0:\n", "wheel"), None);
    }

    #[test]
    fn a_missing_user_is_named() {
        let error = Account("no-such-user".to_owned()).user().map(|user| user.id).unwrap_err();
        assert_eq!(error.to_string(), "there is no user `no-such-user` in /etc/passwd; create it in an earlier step");
    }
}
