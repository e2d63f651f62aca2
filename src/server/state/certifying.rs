//! Certificates from the companion of `--certify`: it is woken when there may be something to do,
//! its lines become lines of the log, and certificates that it has written are taken up.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;

use rustix::io::ioctl_fionbio;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::reload::Reloads;
use crate::process::companion::{Companion, ISSUED};

/// Bytes of a line, at the most. A longer one goes on in the next.
const LINE_BYTES: usize = 4096;

/// The beginnings of lines on the companion's standard error, which say how bad it is.
const ERROR: &str = "error: ";
const WARNING: &str = "warning: ";

/// The way to wake the companion, if there is one; cloned freely.
#[derive(Clone, Debug, Default)]
pub struct Wake(Option<Arc<File>>);

/// The lines of a companion, and its end.
#[derive(Debug)]
pub struct Certifying {
    child: Child,
    output: Receiver,
    errors: Receiver,
}

impl Wake {
    /// Lets the companion look for something to do. One that is not listening has been told before.
    pub fn give(&self) {
        if let Some(pipe) = &self.0 {
            let _ = (&**pipe).write(b"\n");
        }
    }
}

impl Certifying {
    /// Takes over a companion. It does nothing before it is woken.
    ///
    /// # Errors
    /// When the system refuses to watch its pipes.
    pub fn new(companion: Companion) -> io::Result<(Self, Wake)> {
        let Companion(mut child) = companion;
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = File::from(OwnedFd::from(input.ok_or_else(closed)?));
        // Nobody waits for a companion that does not read.
        ioctl_fionbio(&input, true)?;
        let output = Receiver::from_owned_fd(OwnedFd::from(output.ok_or_else(closed)?))?;
        let errors = Receiver::from_owned_fd(OwnedFd::from(errors.ok_or_else(closed)?))?;
        Ok((Self { child, output, errors }, Wake(Some(Arc::new(input)))))
    }

    /// Writes the companion's lines to the log until it ends, and then that it did.
    pub async fn follow(self, reloads: Reloads) {
        let Self { mut child, output, errors } = self;
        let told = lines(output, |line| {
            tracing::info!("certify: {line}");
            if is_of_a_new_certificate(line) {
                // Without a watch, nobody else would see the new pair.
                reloads.take_up();
            }
        });
        let complained = lines(errors, |line| {
            if let Some(warning) = line.strip_prefix(WARNING) {
                tracing::warn!("certify: {warning}");
            } else {
                tracing::error!("certify: {}", line.strip_prefix(ERROR).unwrap_or(line));
            }
        });
        tokio::join!(told, complained);
        // Nobody holds its pipes any more, so it has ended or is about to.
        let end = tokio::task::spawn_blocking(move || child.wait()).await;
        let end = match end {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(
            "certify: the process that looks after certificates has ended ({end}): none is renewed \
             until shost is restarted"
        );
    }
}

/// True if a line of the companion tells of a pair that it has put in place.
fn is_of_a_new_certificate(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(_, told)| told.starts_with(ISSUED))
}

/// Hands out the lines of a pipe until its end, the last one also without its end of line.
async fn lines(mut pipe: Receiver, tell: impl Fn(&str)) {
    let mut held = Vec::new();
    let mut part = [0; LINE_BYTES];
    while let Ok(read @ 1..) = pipe.read(&mut part).await {
        held.extend_from_slice(&part[..read]);
        while let Some(end) = held.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            tell(String::from_utf8_lossy(&line[..end]).trim_end());
        }
        if held.len() >= LINE_BYTES {
            tell(&String::from_utf8_lossy(&held));
            held.clear();
        }
    }
    if !held.is_empty() {
        tell(&String::from_utf8_lossy(&held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn a_line_tells_of_a_new_certificate_or_of_something_else() {
        let table = [
            ("a.test: certificate from ca.test until 2027-02-25", true),
            ("*.a.test: certificate from ca.test until 2027-02-25", true),
            ("[2001:db8::1]: certificate from ca.test until 2027-02-25", true),
            ("a.test: left out: certificate from elsewhere", false),
            ("certificate from ca.test until 2027-02-25", false),
            ("a.test: left out: the DNS does not know it", false),
            ("", false),
        ];
        for (line, expected) in table {
            assert_eq!(is_of_a_new_certificate(line), expected, "{line}");
        }
    }

    #[tokio::test]
    async fn lines_are_handed_out_whole_and_bounded() {
        let long = "x".repeat(LINE_BYTES + 5);
        let bounded = ["x".repeat(LINE_BYTES), "xxxxx".into()];
        let table: [(&[&str], &[&str]); 6] = [
            (&[], &[]),
            (&["a\nb\n"], &["a", "b"]),
            (&["a", "b\nc"], &["ab", "c"]),
            (&["a\r\n", "\n"], &["a", ""]),
            (&["a\u{fc}"], &["a\u{fc}"]),
            (&[&long, "\n"], &[&bounded[0], &bounded[1]]),
        ];
        for (parts, expected) in table {
            let (mut writer, reader) = tokio::net::unix::pipe::pipe().unwrap();
            let told = Mutex::new(Vec::new());
            let write = async move {
                for part in parts {
                    writer.write_all(part.as_bytes()).await.unwrap();
                }
            };
            let read = lines(reader, |line| told.lock().unwrap().push(line.to_owned()));
            tokio::join!(write, read);
            assert_eq!(told.into_inner().unwrap(), expected, "{parts:?}");
        }
    }
}
