//! Certificates: any two files are a pair that serves, or one line that says what is wrong.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use shost::certificates::Certificates;

/// The folder of the pair, and so the name that it is for.
const DOMAIN: &str = "example.com";

/// When the pair is judged.
const NOW: Duration = Duration::from_hours(21_000 * 24);

/// Loads the pair. The folder is read as a start or a reload reads it.
pub(crate) fn certificates(certificate: &[u8], key: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = folder.path().join(DOMAIN);
    fs::create_dir(&pair).expect("a folder");
    fs::write(pair.join("cert.pem"), certificate).expect("a file");
    fs::write(pair.join("key.pem"), key).expect("a file");
    let start = folder.path().to_str().expect("a temporary folder in UTF-8");

    match Certificates::load(folder.path(), UNIX_EPOCH + NOW) {
        Ok((certificates, findings)) => {
            assert_eq!(certificates.len(), 1, "both files are there");
            assert!(certificates.resolve(DOMAIN).is_some_and(|key| !key.cert.is_empty()));
            assert!(certificates.resolve("example.org").is_none());
            for certificate in certificates.iter() {
                // This is the check that a handshake relies on.
                assert_eq!(certificate.key().keys_match(), Ok(()));
            }
            for finding in findings {
                one_line(&finding.to_string(), start);
            }
        }
        Err(error) => one_line(&error.to_string(), start),
    }
}

/// A line begins with the path that it is about, and a file's content cannot break it.
fn one_line(line: &str, start: &str) {
    assert!(line.starts_with(start), "{line:?}");
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.len() < start.len() + 400, "{line:?}");
}
