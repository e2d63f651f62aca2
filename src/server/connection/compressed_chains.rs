//! Certificate chains in compressed form (RFC 8879), so that the server's first flight is short: the
//! chain is most of it. Over QUIC the flight has to fit into three times what the client has sent
//! (RFC 9000 §8.1), or costs one more round trip.
//!
//! A chain is compressed once, on a thread that may take its time; whoever asks meanwhile gets it as it
//! is. The forms belong to the whole process, since rustls wants compressors that live as long.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rustls::CertificateCompressionAlgorithm;
use rustls::compress::{CertCompressor, CompressionFailed, CompressionLevel};
use tokio::runtime::Handle;

use crate::coding::encode::brotli;
use crate::process::clock::Tick;

/// The compressors in the order of preference: Chromium reads brotli, Safari zlib, Firefox both.
pub static COMPRESSORS: [&dyn CertCompressor; 2] = [&&BROTLI, &&ZLIB];

static BROTLI: CompressedChains = CompressedChains::new(CertificateCompressionAlgorithm::Brotli);
static ZLIB: CompressedChains = CompressedChains::new(CertificateCompressionAlgorithm::Zlib);

/// Chains that are kept of each algorithm: with their originals 8 MiB at the most.
const MOST_CHAINS: usize = 1024;

/// The least time between two times that all chains are let go of, because there are too many: those of
/// certificates that were renewed long ago, or of more sites than there is room for. The others are
/// compressed again, at 8 ms each.
const EMPTIED_EVERY: Duration = Duration::from_hours(1);

/// The compressed forms of chains by one algorithm.
#[derive(Debug)]
struct CompressedChains {
    algorithm: CertificateCompressionAlgorithm,
    known: RwLock<KnownForms>,
}

#[derive(Debug)]
struct KnownForms {
    /// By the whole message that is compressed.
    forms: BTreeMap<Vec<u8>, MessageForm>,
    emptied: Option<Tick>,
}

#[derive(Clone, Debug)]
enum MessageForm {
    /// It is being made, or would not be smaller.
    Absent,
    Made(Vec<u8>),
}

impl CompressedChains {
    const fn new(algorithm: CertificateCompressionAlgorithm) -> Self {
        let known = KnownForms { forms: BTreeMap::new(), emptied: None };
        Self { algorithm, known: RwLock::new(known) }
    }

    /// The form of a message; `None` if nobody has asked for it before.
    fn form(&self, message: &[u8]) -> Option<MessageForm> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).forms.get(message).cloned()
    }

    /// Makes the form of a message that is not known yet.
    fn make(&self, message: Vec<u8>) {
        let form = match self.algorithm {
            CertificateCompressionAlgorithm::Brotli => brotli(BROTLI_QUALITY, &message),
            _ => zlib(&message),
        };
        let form = match form {
            Ok(mut form) if form.len() < message.len() => {
                form.shrink_to_fit();
                MessageForm::Made(form)
            }
            _ => MessageForm::Absent,
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).forms.insert(message, form);
    }

    /// Takes a place for the message; false if somebody else has, or there is no room.
    fn begin(&self, message: &[u8]) -> bool {
        self.known.write().unwrap_or_else(PoisonError::into_inner).begin(message, Tick::now())
    }
}

impl KnownForms {
    fn begin(&mut self, message: &[u8], now: Tick) -> bool {
        if self.forms.contains_key(message) {
            return false;
        }
        if self.forms.len() >= MOST_CHAINS {
            if self.emptied.is_some_and(|emptied| now.since(emptied) < EMPTIED_EVERY) {
                return false;
            }
            self.forms.clear();
            self.emptied = Some(now);
        }
        self.forms.insert(message.to_owned(), MessageForm::Absent);
        true
    }
}

impl CertCompressor for &'static CompressedChains {
    /// Fails while there is no form: rustls sends the chain as it is then.
    fn compress(
        &self,
        message: Vec<u8>,
        _level: CompressionLevel,
    ) -> Result<Vec<u8>, CompressionFailed> {
        match self.form(&message) {
            Some(MessageForm::Made(form)) => return Ok(form),
            Some(MessageForm::Absent) => return Err(CompressionFailed),
            None => {}
        }
        if let Ok(runtime) = Handle::try_current()
            && self.begin(&message)
        {
            let chains = *self;
            runtime.spawn_blocking(move || chains.make(message));
        }
        Err(CompressionFailed)
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        self.algorithm
    }
}

/// The best of brotli's qualities for chains of two certificates, those with a key of 256 bits and those
/// of RSA: 11 takes eight times as long for the same.
const BROTLI_QUALITY: u32 = 9;

fn zlib(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(message)?;
    writer.finish()
}

#[cfg(test)]
mod tests;
