//! Documents that somebody names: read where they are what they should be, and refused without harm where they are not.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use url::Url;
use veris_chat::DocumentSettings;
use veris_chat::documents::{Problem, Reader};

use crate::pdf::{file, pdf};
use crate::web::{Web, settings};

#[tokio::test]
async fn a_document_is_read_page_by_page() {
    let web = Web::serving(pdf(&["1 Introduction\nCats sleep (a lot).", "", "They hunt at night."])).await;
    let document = web.read("/a.pdf?key=secret").await.unwrap();
    assert_eq!((document.filename.as_str(), document.blank_pages), ("a.pdf", 1));
    let told: Vec<_> = document.chunks.iter().map(|chunk| (chunk.page, chunk.text.as_str())).collect();
    assert_eq!(told, [(1, "1 Introduction\nCats sleep (a lot)."), (3, "They hunt at night.")]);
    assert_eq!(document.chunks[0].section_header.as_deref(), Some("1 Introduction"));
}

#[tokio::test]
async fn what_is_no_readable_pdf_is_named() {
    let encryption = "<< /Filter /Standard /V 1 /R 2 /P -4 /O <00000000000000000000000000000000000000000000000000000000000000000> \
                      /U <0000000000000000000000000000000000000000000000000000000000000000> >>";
    let mut objects: Vec<String> =
        vec!["<< /Type /Catalog /Pages 2 0 R >>".into(), "<< /Type /Pages /Kids [] /Count 0 >>".into()];
    objects.push(encryption.into());
    let encrypted = file(&objects, "/Encrypt 3 0 R /ID [<00> <00>]");
    let whole = pdf(&["text"]);
    let half = whole[..whole.len() / 2].to_vec();
    for (content, problem) in [
        (b"<!DOCTYPE html><html>".to_vec(), Problem::Html),
        (b"just text".to_vec(), Problem::NotPdf),
        (Vec::new(), Problem::NotPdf),
        (encrypted, Problem::Encrypted),
        (half, Problem::Damaged),
        (pdf(&["", ""]), Problem::NoText),
        (pdf(&vec!["x"; 501]), Problem::TooManyPages { pages: 501, limit: 500 }),
        (vec![b'x'; 1_000_001], Problem::TooLarge(1)),
    ] {
        let begin = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
        assert_eq!(Web::serving(content).await.read("/a.pdf").await, Err(problem), "{begin}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_serve_is_named() {
    let without_end = || async {
        let drip = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(b"%PDF-".to_vec()), ()))
        });
        Response::new(Body::from_stream(drip.boxed()))
    };
    let routes = Router::new()
        .route("/drip.pdf", get(without_end))
        .route("/absent.pdf", get(|| async { StatusCode::NOT_FOUND }))
        .route("/login.pdf", get(|| async { (StatusCode::FORBIDDEN, "the secret of the intranet") }));
    let web = Web::start(routes).await;
    assert_eq!(web.read("/absent.pdf").await, Err(Problem::Status(404)));
    assert_eq!(web.read("/login.pdf").await, Err(Problem::Status(403)));
    let began = Instant::now();
    assert_eq!(web.read("/drip.pdf").await, Err(Problem::TooSlow(2)));
    assert!(began.elapsed() < Duration::from_secs(20));
    let settings = web.settings();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let settings = DocumentSettings { allow_ports: vec![closed.port()], ..settings };
    let error = Reader::new(settings).read(&Url::parse(&format!("http://{closed}/a.pdf?key=secret")).unwrap()).await;
    let error = error.unwrap_err();
    assert_eq!(error.problem(), &Problem::Unreachable);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_with_the_same_eyes() {
    let to = |target: &'static str| {
        get(move || async move { (StatusCode::FOUND, [(header::LOCATION, target)]).into_response() })
    };
    let content = pdf(&["found"]);
    let routes = Router::new()
        .route("/here", to("/there"))
        .route("/there", to("a.pdf"))
        .route("/a.pdf", get(move || async move { content }))
        .route("/metadata", to("http://169.254.169.254/latest/meta-data/"))
        .route("/six", to("http://[fd00:ec2::254]/"))
        .route("/file", to("file:///etc/passwd"))
        .route("/round", to("/round"));
    let web = Web::start(routes).await;
    assert_eq!(web.read("/here").await.unwrap().chunks[0].text, "found");
    assert_eq!(web.read("/metadata").await, Err(Problem::NotPublic));
    assert_eq!(web.read("/six").await, Err(Problem::NotPublic));
    assert!(matches!(web.read("/file").await, Err(Problem::Url(_))));
    assert_eq!(web.read("/round").await, Err(Problem::Redirects(3)));
}

#[tokio::test]
async fn nothing_but_the_public_internet_is_asked_by_default() {
    let reader = Reader::new(settings("{}"));
    for (url, problem) in [
        ("https://127.0.0.1/a.pdf", Problem::NotPublic),
        ("https://[::1]/a.pdf", Problem::NotPublic),
        ("https://[::ffff:127.0.0.1]/a.pdf", Problem::NotPublic),
        ("https://2130706433/a.pdf", Problem::NotPublic),
        ("https://169.254.169.254/latest/meta-data/", Problem::NotPublic),
        // A name that leads home.
        ("https://localhost/a.pdf", Problem::NotPublic),
    ] {
        let error = reader.read(&Url::parse(url).unwrap()).await.unwrap_err();
        assert_eq!(error.problem(), &problem, "{url}");
    }
    for url in [
        "http://example.org/a.pdf",
        "https://example.org:8443/a.pdf",
        "https://me@example.org/a.pdf",
        "ftp://example.org/a",
    ] {
        let error = reader.read(&Url::parse(url).unwrap()).await.unwrap_err();
        assert!(matches!(error.problem(), Problem::Url(_)), "{error}");
    }
}

#[tokio::test]
async fn a_parser_that_asks_for_too_much_harms_nobody() {
    // Two hundred thousand pages of lists in lists: deep recursion. A stream that unpacks to gigabytes: all memory.
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let objects = |second: String| vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), second];
    let deep = Web::serving(file(&objects(nested), "")).await;
    assert!(matches!(deep.read("/a.pdf").await, Err(Problem::Damaged | Problem::TooHard(_))));
    // A tree of pages that contains itself.
    let round = "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>".to_owned();
    let round = Web::serving(file(&objects(round), "")).await;
    assert!(matches!(round.read("/a.pdf").await, Err(Problem::Damaged | Problem::TooHard(_) | Problem::NoText)));
    let good = Web::serving(pdf(&["still here"])).await;
    assert_eq!(good.read("/a.pdf").await.unwrap().chunks[0].text, "still here");
}

/// Programs that are no parser stand for parsers that went wrong.
#[tokio::test]
async fn a_parser_that_goes_wrong_is_ended_in_time() {
    let web = Web::serving(pdf(&["text"])).await;
    let directory = tempfile::tempdir().unwrap();
    for (name, script, expected) in [
        ("panics", "exit 101", Problem::Damaged),
        ("out-of-memory", "kill -ABRT $$", Problem::TooHard("the memory it may have")),
        ("spins", "ulimit -t 1; while :; do :; done", Problem::TooHard("the time it may have")),
        ("babbles", "echo what", Problem::Damaged),
        ("says-nothing", "cat >/dev/null", Problem::Damaged),
    ] {
        let parser = directory.path().join(name);
        std::fs::write(&parser, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&parser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let settings = DocumentSettings { parser, ..web.settings() };
        let error = Reader::new(settings).read(&web.url("/a.pdf")).await.unwrap_err();
        assert_eq!(error.problem(), &expected, "{name}");
    }
}

#[tokio::test]
async fn the_parser_has_neither_the_environment_nor_the_files_of_the_server() {
    let web = Web::serving(pdf(&["text"])).await;
    let directory = tempfile::tempdir().unwrap();
    let parser = directory.path().join("tells");
    let script = "#!/bin/sh\necho \"{\\\"page\\\":{\\\"number\\\":1,\\\"text\\\":\\\"$(env | cut -d= -f1 | sort | tr '\\n' ' ')\\\"}}\"\necho '\"end\"'\n";
    std::fs::write(&parser, script).unwrap();
    std::fs::set_permissions(&parser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let settings = DocumentSettings { parser, ..web.settings() };
    let document = Reader::new(settings).read(&web.url("/a.pdf")).await.unwrap();
    // The shell sets these itself.
    assert_eq!(document.chunks[0].text, "PWD");
}
