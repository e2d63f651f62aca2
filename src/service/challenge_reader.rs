//! Answers to the challenges of certificate authorities (RFC 8555 §8.3), read two at a time.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::certificates::Challenges;

/// Answers that are read at a time. Anybody may ask for what was never there, and the threads that
/// read are those that files are read by.
const READS: usize = 2;

/// The challenges of a service, and the turns in which it reads their answers.
#[derive(Debug)]
pub(super) struct ChallengeReader {
    challenges: Challenges,
    reads: Arc<Semaphore>,
}

impl From<Challenges> for ChallengeReader {
    fn from(challenges: Challenges) -> Self {
        Self { challenges, reads: Arc::new(Semaphore::new(READS)) }
    }
}

impl ChallengeReader {
    /// Reads the answer to the challenge with this token, if there is one.
    pub(super) async fn answer(&self, token: &str) -> Option<Bytes> {
        if self.challenges.is_off() {
            return None;
        }
        let turn = Arc::clone(&self.reads).acquire_owned().await.ok()?;
        let (challenges, token) = (self.challenges.clone(), token.to_owned());
        let reading = spawn_blocking(move || {
            // It is given back when the thread has ended, even if nobody waits for it any more.
            let _turn = turn;
            challenges.answer(&token)
        });
        reading.await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::CHALLENGE_FOLDER;
    use std::fs;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn two_answers_are_read_at_a_time() {
        let tls = tempfile::tempdir().unwrap();
        fs::create_dir(tls.path().join(CHALLENGE_FOLDER)).unwrap();
        fs::write(tls.path().join(CHALLENGE_FOLDER).join("a"), "x").unwrap();
        let reader = ChallengeReader::from(Challenges::beside(tls.path()));
        let reads = Arc::clone(&reader.reads);
        let first = Arc::clone(&reads).acquire_owned().await.unwrap();
        assert_eq!(reader.answer("a").await.as_deref(), Some(&b"x"[..]), "the second");
        let _second = Arc::clone(&reads).acquire_owned().await.unwrap();
        let mut third = pin!(reader.answer("a"));
        assert!(third.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(first);
        assert_eq!(reads.available_permits(), 0, "the third waits for it");
        assert_eq!(third.await.as_deref(), Some(&b"x"[..]));
        assert_eq!(reads.available_permits(), 1);
    }
}
