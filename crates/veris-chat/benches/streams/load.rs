//! Many streams at once.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clients::{Dialect, Stream};
use crate::conversation::{Question, now};
use crate::reading::Piece;
use crate::tally::Tally;

/// Streams that have not ended this long after they should have are lost.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    /// Host and port to ask
    #[arg(long)]
    address: String,
    #[arg(long, value_enum, default_value_t = Dialect::Chat)]
    dialect: Dialect,
    #[arg(long)]
    streams: u32,
    /// Tokens of each stream
    #[arg(long)]
    tokens: u32,
    /// Microseconds from one token of a stream to its next
    #[arg(long)]
    gap_us: u64,
    /// Milliseconds from the first stream's begin to the last one's
    #[arg(long, default_value_t = 1_000)]
    ramp_ms: u64,
    /// Number of the first stream
    #[arg(long, default_value_t = 0)]
    first_id: u64,
}

/// Prints a line once every stream has begun, and the result at the end.
pub(crate) async fn run(load: Load) -> anyhow::Result<()> {
    let began = Instant::now();
    let tally = Rc::new(RefCell::new(Tally::new(load.streams)?));
    let mut streams = JoinSet::new();
    for number in 0..load.streams {
        let (load, tally) = (load.clone(), Rc::clone(&tally));
        streams.spawn_local(async move {
            sleep(Duration::from_millis(load.ramp_ms) * number / load.streams).await;
            let ended = read(&load, number, &tally).await;
            tally.borrow_mut().end(ended);
        });
    }
    let speaking = Duration::from_micros(load.gap_us) * load.tokens;
    let all = async { while streams.join_next().await.is_some() {} };
    // What is missing is counted as lost.
    let _ = timeout(speaking * 3 + Duration::from_millis(load.ramp_ms) + PATIENCE, all).await;
    println!("{}", tally.borrow().report(load.tokens, began.elapsed().as_secs_f64()));
    Ok(())
}

/// Reads one stream; whether it was whole.
async fn read(load: &Load, number: u32, tally: &RefCell<Tally>) -> anyhow::Result<bool> {
    let question = Question { id: load.first_id + u64::from(number), tokens: load.tokens, gap_us: load.gap_us };
    let mut stream = Stream::ask(&load.address, load.dialect, question).await?;
    let (mut expected, mut whole) = (0, false);
    while let Some(bytes) = stream.chunk().await? {
        let arrived = now();
        stream.reader.feed(&bytes);
        while let Some(piece) = stream.reader.next()? {
            match piece {
                Piece::Token(token) => {
                    let mut tally = tally.borrow_mut();
                    if expected == 0 && tally.begin() {
                        println!("{}", json!({"open": load.streams}));
                    }
                    tally.token(token, expected, arrived);
                    expected += 1;
                }
                Piece::End => whole = expected == load.tokens,
            }
        }
    }
    Ok(whole)
}
