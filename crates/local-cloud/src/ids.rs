//! Identifiers in AWS's shapes.

/// A resource id such as `i-0123456789abcdef0`: the prefix and 17 random hexadecimal digits.
pub fn resource(prefix: &str) -> String {
    let random: [u8; 9] = rand::random();
    format!("{prefix}-{}", &hex::encode(random)[..17])
}

/// A request id or workflow id: 32 random hexadecimal digits in a UUID's shape.
pub fn uuid() -> String {
    let digits = hex::encode(rand::random::<[u8; 16]>());
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}
