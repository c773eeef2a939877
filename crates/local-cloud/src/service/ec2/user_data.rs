//! User data: at most 16,384 bytes, base 64 on the wire, a file in the instance's directory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fault::Fault;
use crate::layout::Layout;

const LIMIT: usize = 16_384;

/// What `RunInstances` was given.
pub(super) fn read(encoded: &str) -> Result<Vec<u8>, Fault> {
    // Some clients break the lines.
    let encoded: String = encoded.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let data = STANDARD
        .decode(encoded)
        .map_err(|_| Fault::client("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."))?;
    if data.len() > LIMIT {
        return Err(Fault::client("InvalidParameterValue", format!("User data is limited to {LIMIT} bytes")));
    }
    Ok(data)
}

/// What an instance was given, encoded.
pub(super) fn of(layout: &Layout, instance_id: &str) -> Result<Option<String>, Fault> {
    match fs_err::read(layout.instance(instance_id).join("user-data")) {
        Ok(data) => Ok(Some(STANDARD.encode(data))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::internal(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_on_the_raw_bytes() {
        assert_eq!(read(&STANDARD.encode(vec![b'x'; LIMIT])).unwrap().len(), LIMIT);
        assert_eq!(read(&STANDARD.encode(vec![b'x'; LIMIT + 1])).unwrap_err().code, "InvalidParameterValue");
        assert_eq!(read("#!/bin/sh").unwrap_err().code, "InvalidUserData.Malformed");
        assert_eq!(read("aGVs\nbG8=\n").unwrap(), b"hello");
    }
}
