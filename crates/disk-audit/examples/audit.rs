//! Audits a raw disk, and prints the report: `cargo run -p disk-audit --example audit -- [--raw] DISK [CANARY…]`.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use disk_audit::{Canary, Options, audit, scan_raw};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_raw = arguments.first().is_some_and(|first| first == "--raw");
    arguments.drain(..usize::from(is_raw));
    let (path, canaries) = arguments.split_first().ok_or("name a raw disk")?;
    let canaries = canaries.iter().zip(1..).map(|(text, number)| Canary::new(format!("#{number}"), text.as_bytes()));
    let canaries = canaries.collect::<Result<Vec<_>, _>>()?;
    let (disk, begin) = (File::open(path)?, Instant::now());
    let mut out = io::stdout().lock();
    let bytes = if is_raw {
        let scan = scan_raw(disk, &canaries)?;
        writeln!(out, "{scan:#?}")?;
        scan.bytes_read
    } else {
        let report = audit(disk, &Options { canaries, ..Options::default() })?;
        write!(out, "{report}")?;
        report.bytes_read
    };
    let seconds = begin.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a speed is rounded")]
    let speed = bytes as f64 / seconds / 1e6;
    writeln!(out, "{seconds:.2} s, {speed:.0} MB/s")?;
    Ok(())
}
