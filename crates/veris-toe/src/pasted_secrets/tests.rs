use proptest::prelude::*;

use super::*;

// Secrets are put together here, so that this file holds none.

fn found(text: &str) -> Vec<String> {
    let shown = |it: &PastedSecret<'_>| {
        let doubt = if it.is_certain { "" } else { ", perhaps" };
        format!("{}:{}-{} {}{doubt}", it.span.start.line, it.span.start.column, it.span.end.column, it.what)
    };
    find(text).iter().map(shown).collect()
}

#[test]
fn pasted_secrets_are_found_with_their_places() {
    let key = ["AKIA", "ABCDEFGHIJKLMNOP"].concat();
    assert_eq!(found(&format!("a\nexport AWS_ACCESS_KEY_ID={key}\n")), ["2:26-46 the id of an AWS access key"]);
    let long = ["abcdefghij", "0123456789", "ABCDEFGHIJ", "abcdefghi/"].concat();
    assert_eq!(found(&format!("aws_secret_access_key: '{long}'")), ["1:25-65 an AWS secret access key"]);
    assert_eq!(found("Environment=DB_PASSWORD=correct-horse"), ["1:25-38 a password or token, perhaps"]);
    assert_eq!(found(&["  password: ", "tr0ub4dor", "3"].concat()), ["1:13-23 a password or token, perhaps"]);
    assert_eq!(
        found(&["clone https://", "me:", "hunter2@git.example.org/x"].concat()),
        ["1:18-25 a password in a URL"]
    );
    let github = ["ghp", "_", &"a1".repeat(18)].concat();
    assert_eq!(found(&format!("é curl -H 'Authorization: token {github}")), ["1:33-73 a GitHub token"]);
    assert_eq!(found(&format!("https://x:{github}@git.example.org")), ["1:11-51 a GitHub token"]);
    let two = format!("{key} and {github}");
    assert_eq!(found(&two), ["1:1-21 the id of an AWS access key", "1:26-66 a GitHub token"]);
}

#[test]
fn a_private_key_is_one_secret_and_none_of_its_lines_is_shown() {
    let pem = format!(
        "x: |\n  -----BEGIN {}-----\n  MIIEtoken\n\n  abcdefgh\n  -----END {0}-----\ny: 1\n",
        "RSA PRIVATE KEY"
    );
    let secrets = find(&pem);
    assert_eq!(secrets.len(), 1);
    assert_eq!((secrets[0].span.start, secrets[0].span.end.line), (Location { line: 2, column: 3 }, 6));
    let mask = Mask::new(&pem, &secrets);
    let shown: Vec<_> = (1..=7).map(|line| mask.line(line).unwrap().trim_matches([' ', '*']).to_owned()).collect();
    assert_eq!(shown, ["x: |", "", "", "", "", "", "y: 1"]);
    assert_eq!(mask.words("MIIEtoken and more"), "********* and more");
    let behind = format!("{pem}TOKEN={}", ["hf_", &"a".repeat(30)].concat());
    assert_eq!(found(&behind)[1], "8:7-40 a Hugging Face token");
    let searched = format!("grep -e '-----BEGIN {}-----' file\necho token", "PRIVATE KEY");
    assert_eq!(found(&searched), ["1:10-43 a private key"]);
    let torn = format!("-----BEGIN {}-----\nabcdefgh", "PRIVATE KEY");
    assert_eq!((find(&torn)[0].span.end), Location { line: 2, column: 9 });
}

#[test]
fn what_only_looks_like_one_is_left_alone() {
    for line in [
        "TOKEN=$(curl -s http://169.254.169.254/latest/api/token)",
        "token=$(curl --silent http://127.0.0.1/token)",
        "password: '{{ Password }}'",
        "password: <{ password_of_ours }>",
        "secret: arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:x1",
        "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
        "passwd: required",
        "sha256sum abcdefabcdefabcdefabcdefabcdefabcdefabcd",
        "https://bucket.s3.amazonaws.com:443/x@y",
        "ssh://ec2-user@10.0.0.1",
        "https://user:$PASSWORD@git.example.org",
        "secret=/etc/keys/file1.pem",
        "max_tokens: 4096",
        "LoadCredential=password:/etc/chat/password",
        "--token \"$TOKEN\" --password-stdin",
    ] {
        assert_eq!(found(line), [""; 0], "{line}");
    }
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let secret = ["glpat-", &"a1".repeat(10)].concat();
    let text = format!("a: 1\nx: {secret} # {secret}\n");
    let secrets = find(&text);
    let mask = Mask::new(&text, &secrets);
    let stars = "*".repeat(secret.len());
    assert_eq!(mask.line(1).unwrap(), "a: 1");
    assert_eq!(mask.line(2).unwrap(), format!("x: {stars} # {stars}"));
    assert_eq!(mask.line(3), None);
    assert_eq!(mask.words(&format!("no action `{secret}`")), format!("no action `{stars}`"));
    assert!(!format!("{secrets:?}").contains(&secret));
}

proptest! {
    #[test]
    fn what_is_found_stands_where_it_is_said_to(
        text in r"((password|TOKEN|secret)[:=] ?|://|[:@'\x22 \n]|AKIA|ghp_|-----(BEGIN|END) (RSA )?PRIVATE KEY-----|é|[a-zA-Z0-9/]{1,20}){0,30}",
    ) {
        let lines: Vec<&str> = text.lines().collect();
        let secrets = find(&text);
        prop_assert!(secrets.is_sorted_by_key(|secret| secret.span));
        for PastedSecret { span, value, .. } in secrets {
            let there: String = lines[span.start.line - 1].chars().skip(span.start.column - 1).collect();
            prop_assert!(there.starts_with(value.lines().next().unwrap()));
            let last: String = lines[span.end.line - 1].chars().take(span.end.column - 1).collect();
            prop_assert!(last.ends_with(value.lines().last().unwrap().trim_start()));
        }
    }
}
