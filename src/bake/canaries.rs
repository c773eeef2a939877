//! What must be nowhere in an image: secrets of whoever bakes, and what tells of their machine. Only the names are ever shown.

use std::path::Path;

use aws_sdk_ec2::config::ProvideCredentials as _;
use disk_audit::Canary;

use crate::context::Context;
use crate::env_file::EnvFile;

/// Ends of names whose values are secret, in small letters.
const SECRET: [&str; 10] = [
    "access_key",
    "api_key",
    "apikey",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "token",
];
/// Names of accounts that images have themselves.
const ACCOUNTS: [&str; 7] = ["admin", "debian", "ec2-user", "fedora", "root", "ubuntu", "user"];

/// Everything that is specific enough not to be found by chance.
pub(super) async fn of(context: &Context) -> Vec<Canary> {
    let mut found: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| is_secret(name, value))
        .collect();
    found.extend(env_files(&context.project));
    found.extend(credentials(context).await);
    found.extend(machine());
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found.dedup_by(|a, b| a.1 == b.1);
    found.sort();
    found.into_iter().filter_map(|(name, value)| Canary::new(name, value).ok()).collect()
}

/// A value that is a word, a path or the name of a secret is none itself, and a word is found in every image.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_reference = value.starts_with('/') || value.starts_with("ssm:") || value.starts_with("secretsmanager:");
    let is_word = value.len() < 16 && !value.bytes().any(|byte| byte.is_ascii_digit());
    SECRET.iter().any(|end| name.ends_with(end)) && !is_reference && !is_word && value.len() >= 10
}

/// The secrets in the project's `.env` files; examples hold none.
fn env_files(project: &Path) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for directory in [project.to_owned(), project.join("recipes")] {
        for entry in fs_err::read_dir(directory).into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let is_env = file == ".env"
                || file.starts_with(".env.")
                || Path::new(&file).extension().is_some_and(|it| it == "env");
            let is_example = ["example", "sample", "template"].iter().any(|word| file.contains(word));
            let Ok(text) = fs_err::read_to_string(entry.path()) else { continue };
            if is_env && !is_example {
                let variables = EnvFile::readable(&text);
                let ours = variables.filter(|(name, value)| is_secret(name, value));
                secrets.extend(ours.map(|(name, value)| (format!("{name} of {file}"), value)));
            }
        }
    }
    secrets
}

/// What signs the calls of this run.
async fn credentials(context: &Context) -> Vec<(String, String)> {
    let Some(provider) = &context.clients.credentials else { return Vec::new() };
    // Without credentials no call of the bake would have come so far.
    let Ok(credentials) = provider.provide_credentials().await else { return Vec::new() };
    let token = credentials.session_token().map(|token| ("the session token of this run".to_owned(), token.to_owned()));
    let key = ("the secret access key of this run".to_owned(), credentials.secret_access_key().to_owned());
    [key].into_iter().chain(token).collect()
}

/// The home directory and the name of this machine, where they are its own.
fn machine() -> Vec<(String, String)> {
    let home = std::env::home_dir().map(|home| home.display().to_string());
    let home = home.filter(|home| {
        let account = home.rsplit('/').next().unwrap_or_default();
        home.matches('/').count() >= 2 && !ACCOUNTS.contains(&account)
    });
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // `debian` and `localhost` are in every image; what has a digit and is as long as this is not.
    let is_own = host.len() >= 10 && host.bytes().any(|byte| byte.is_ascii_digit());
    let host = is_own.then(|| ("the name of this machine".to_owned(), host));
    home.map(|home| ("the home directory of this run".to_owned(), home)).into_iter().chain(host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_its_name_and_not_by_a_value_that_is_everywhere() {
        assert!(is_secret("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"));
        assert!(is_secret("GitHub_Token", "ghp_0123456789"));
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("PASSWORD", "development"),
            ("TOKEN", "short1"),
            ("DB_PASSWORD", "ssm:/veris/chat/prod/secrets/db1"),
            ("CLIENT_SECRET", "/run/secrets/client-1"),
            ("PATH_TO_TOKENS", "abcdefgh12345678"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn secrets_are_read_from_the_projects_own_settings_and_no_example() {
        let project = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs_err::write(project.path().join(name), text).unwrap();
        write(".env", "API_KEY=0123456789abcdef\nbroken\nREGION=us-east-1\n");
        write("prod.env", "DB_PASSWORD=0123456789abcdef0\n");
        write(".env.example", "API_KEY=put-your-own-key-here-1\n");
        let mut found: Vec<String> = env_files(project.path()).into_iter().map(|(name, _)| name).collect();
        found.sort();
        assert_eq!(found, ["API_KEY of .env", "DB_PASSWORD of prod.env"]);
    }
}
