//! Server-sent events: the data of each, from bytes that may be cut anywhere.

/// Bytes that do not make a whole line yet.
#[derive(Debug, Default)]
pub struct Events {
    rest: Vec<u8>,
}

impl Events {
    /// The data of every event that is complete now. Comments and other fields are left out.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let lines: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = String::from_utf8_lossy(&lines).into_owned();
        lines.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| data.trim_start().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_bytes_are_cut() {
        let stream = "data: {\"a\":\"grüß\"}\n\n: keep-alive\n\ndata: [DONE]\n\n".as_bytes();
        for cut in 0..=stream.len() {
            let mut events = Events::default();
            let mut found = events.feed(&stream[..cut]);
            found.extend(events.feed(&stream[cut..]));
            assert_eq!(found, ["{\"a\":\"grüß\"}", "[DONE]"], "cut at {cut}");
        }
    }
}
