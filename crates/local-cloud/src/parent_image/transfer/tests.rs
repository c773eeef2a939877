use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// A web server that closes each connection after so many bytes of a body. Remembers the ranges that it was asked for.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(file: Vec<u8>, most: usize, knows_ranges: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/images/al2023.qcow2", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &file, most, knows_ranges, &seen);
            }
        });
        Self { url, ranges }
    }

    fn ranges(&self) -> Vec<String> {
        self.ranges.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, file: &[u8], most: usize, knows_ranges: bool, seen: &Mutex<Vec<String>>) {
    let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let head: Vec<String> = head.map(|line| line.to_ascii_lowercase()).collect();
    let range = head.iter().find_map(|line| line.strip_prefix("range: bytes=")).unwrap_or("0-").to_owned();
    let from = if knows_ranges { range.trim_end_matches('-').parse::<usize>().unwrap() } else { 0 };
    seen.lock().unwrap().push(range);
    let status = match from {
        _ if !head[0].starts_with("get /images/al2023.qcow2 ") => "404 Not Found",
        0 => "200 OK",
        _ if from >= file.len() => "416 Range Not Satisfiable",
        _ => "206 Partial Content",
    };
    let rest = if status.starts_with('2') { &file[from..] } else { &[] };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len());
    // The client may have seen enough.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&rest[..rest.len().min(most)]));
}

fn image() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn given(source: &str) -> Given {
    Given::parse(source, &"0".repeat(64)).unwrap()
}

fn received(source: &str, part: &Path) -> Result<String, ParentError> {
    receive(&given(source), part, &mut |_| ())
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("image.part");
    let server = Server::start(image(), 500_000, true);
    let mut heard = Vec::new();
    let digest = receive(&given(&server.url), &part, &mut |line| heard.push(line.to_owned())).unwrap();
    assert_eq!(digest, hex::encode(Sha256::digest(image())));
    assert_eq!(fs_err::read(&part).unwrap(), image());
    assert_eq!(server.ranges(), ["0-", "500000-", "1000000-"]);
    assert_eq!(heard.iter().filter(|line| line.ends_with("; going on")).count(), 2, "{heard:?}");
    // Which steps are passed over depends on how much comes at once; the last one never does.
    assert_eq!(heard.last().unwrap(), "downloading al2023.qcow2: 100 % of 1 MiB");

    // Another process ended just before the image got its name: nothing is missing.
    assert_eq!(received(&server.url, &part).unwrap(), digest);
    assert_eq!(server.ranges().last().unwrap(), "1200000-");
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("image.part");
    fs_err::write(&part, "the beginning of something else").unwrap();
    let server = Server::start(image(), usize::MAX, false);
    assert_eq!(received(&server.url, &part).unwrap(), hex::encode(Sha256::digest(image())));
    assert_eq!(fs_err::read(&part).unwrap(), image());
}

#[test]
fn what_is_not_there_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("image.part");
    let server = Server::start(image(), usize::MAX, true);
    let url = server.url.replace("al2023", "al2024");
    let error = received(&url, &part).unwrap_err().to_string();
    assert_eq!(error, format!("failed to read the parent image from `{url}`: the server answered 404 Not Found"));
    let error = received("/no/such/image.qcow2", &part).unwrap_err().to_string();
    assert!(error.starts_with("failed to read the parent image from `/no/such/image.qcow2`: "), "{error}");
    let error = received("/", &part).unwrap_err().to_string();
    assert!(error.ends_with("it is no file"), "{error}");
}

#[test]
fn a_file_is_copied_over_what_an_earlier_attempt_left() {
    let directory = tempfile::tempdir().unwrap();
    let (source, part) = (directory.path().join("al2023.qcow2"), directory.path().join("image.part"));
    fs_err::write(&source, image()).unwrap();
    fs_err::write(&part, "half of another image").unwrap();
    let digest = received(source.to_str().unwrap(), &part).unwrap();
    assert_eq!(digest, hex::encode(Sha256::digest(image())));
    assert_eq!(fs_err::read(&part).unwrap(), image());
}
