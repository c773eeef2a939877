//! Who can log in, by `/etc/passwd` and `/etc/shadow`.

/// The homes of all accounts. An account without one has `/`.
pub(crate) fn homes(passwd: &[u8]) -> Vec<Vec<u8>> {
    let fields = |line: &[u8]| line.split(|byte| *byte == b':').nth(5).map(<[u8]>::to_vec);
    let mut homes: Vec<_> = lines(passwd).filter_map(fields).filter(|home| home.starts_with(b"/")).collect();
    homes.sort();
    homes.dedup();
    homes
}

/// The names of the accounts that a password opens, and of those that open without one.
pub(crate) fn open_accounts(shadow: &[u8]) -> Vec<(String, &'static str)> {
    let account = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let (name, password) = (fields.next()?, fields.next()?);
        let reason = match password.first() {
            None => "needs no password",
            Some(b'*' | b'!') => return None,
            Some(_) => "has a password",
        };
        Some((String::from_utf8_lossy(name).into_owned(), reason))
    };
    lines(shadow).filter_map(account).collect()
}

fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_by_what_no_password_can_be() {
        let shadow = b"root:*:1::::::\ndaemon:!*:\nec2-user:!!:\nold:!$y$j9T$salt$hash:\nopen::1:\nset:$y$j9T$salt$hash:1:\nbroken\n";
        let expected = [("open".to_owned(), "needs no password"), ("set".to_owned(), "has a password")];
        assert_eq!(open_accounts(shadow), expected);
    }

    #[test]
    fn homes_are_told_once() {
        let passwd = b"root:x:0:0::/root:/bin/sh\na:x:1:1::/home/a:/bin/sh\nb:x:2:2::/home/a:\nnone:x:3:3\n";
        assert_eq!(homes(passwd), [b"/home/a".to_vec(), b"/root".to_vec()]);
    }
}
