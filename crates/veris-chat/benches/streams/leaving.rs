//! Clients that leave in the middle of an answer.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use crate::clients::{Dialect, Stream, get};
use crate::conversation::{Question, now};
use crate::reading::Piece;
use crate::tally::{histogram, milliseconds};

/// When Bedrock saw that nobody listens any more.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Departure {
    pub(crate) id: u64,
    pub(crate) at: u64,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Leave {
    /// Host and port of the server
    #[arg(long)]
    address: String,
    /// Host and port of Bedrock
    #[arg(long)]
    bedrock: String,
    /// Clients, one after another
    #[arg(long)]
    count: u32,
    /// Milliseconds from one token to the next
    #[arg(long, default_value_t = 20)]
    gap_ms: u64,
    /// Number of the first stream
    #[arg(long, default_value_t = 0)]
    first_id: u64,
}

/// Tokens that are read before the client leaves.
const READ: usize = 5;
/// An answer still lasts this long when its client leaves.
const REST: Duration = Duration::from_secs(5);

/// Prints how long after its client had left each stream from Bedrock was closed; one that was read to its end counts as missed.
pub(crate) async fn run(leave: Leave) -> anyhow::Result<()> {
    let mut left = HashMap::new();
    for id in (leave.first_id..).take(leave.count as usize) {
        let tokens = u32::try_from(REST.as_millis() / u128::from(leave.gap_ms))?;
        let question = Question { id, tokens, gap_us: leave.gap_ms * 1_000 };
        left.insert(id, read_and_leave(&leave.address, question).await?);
    }
    // By then the last of them has been read to its end, if somebody reads.
    sleep(REST + Duration::from_secs(1)).await;
    let departures: Vec<Departure> = serde_json::from_value(get(&leave.bedrock, "/departures").await?)?;
    let mut delays = histogram()?;
    for departure in departures {
        if let Some(left) = left.remove(&departure.id) {
            delays.saturating_record(departure.at.saturating_sub(left));
        }
    }
    println!(
        "{}",
        json!({
            "clients": leave.count, "missed": left.len(),
            "p50": milliseconds(delays.value_at_quantile(0.5)), "max": milliseconds(delays.max()),
        })
    );
    Ok(())
}

/// The time of leaving.
async fn read_and_leave(address: &str, question: Question) -> anyhow::Result<u64> {
    let mut stream = Stream::ask(address, Dialect::Chat, question).await?;
    let mut read = 0;
    while read < READ {
        let bytes = stream.chunk().await?.context("the answer ended before its client left")?;
        stream.reader.feed(&bytes);
        while let Some(Piece::Token(_)) = stream.reader.next()? {
            read += 1;
        }
    }
    let left = now();
    stream.leave().await;
    Ok(left)
}
