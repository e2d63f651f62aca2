//! Reading the two PEM files of a pair.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::problem::{PairError, PairProblem, Warning};

/// The largest PEM file that is read, in bytes. A long chain with RSA-4096 keys is about 16 KiB;
/// the bound is there so that a disk image under the name of a key cannot take the memory.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Marks of an encrypted key: its own section in PKCS#8, a header in the older form.
const MARKS_OF_ENCRYPTION: [&[u8]; 2] =
    [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];

/// The mark that editors of Windows put in front of UTF-8. A line behind one does not begin with
/// `-----BEGIN`, and so the first section of the file would not be seen.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Byte order marks of UTF-16, as PowerShell writes it; no section would be found in it.
const UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// Two sections that meet in one line, where the first file that was put together did not end in a
/// line feed. The second section would not be seen.
const JOINT: &[u8] = b"----------BEGIN ";

/// The same two sections, each with its own line.
const SEPARATED: &[u8] = b"-----\n-----BEGIN ";

/// The text of a file as it can be read, and what had to be mended for that.
pub(super) fn mended(mut pem: Vec<u8>) -> (Vec<u8>, Vec<Warning>) {
    let mends = [
        // They are in the middle too where files have been put together.
        (BYTE_ORDER_MARK, &b""[..], Warning::ByteOrderMark),
        (JOINT, SEPARATED, Warning::JoinedSections),
    ];
    let mut faults = Vec::new();
    for (fault, mend, warning) in mends {
        if let Some(text) = replaced(&pem, fault, mend) {
            pem = text;
            faults.push(warning);
        }
    }
    (pem, faults)
}

/// The text with `by` in each place of `part`; `None` if there is none.
fn replaced(text: &[u8], part: &[u8], by: &[u8]) -> Option<Vec<u8>> {
    let mut places = memchr::memmem::find_iter(text, part).peekable();
    places.peek()?;
    let mut replaced = Vec::with_capacity(text.len() + by.len());
    let mut behind = 0;
    for place in places {
        replaced.extend_from_slice(&text[behind..place]);
        replaced.extend_from_slice(by);
        behind = place + part.len();
    }
    replaced.extend_from_slice(&text[behind..]);
    Some(replaced)
}

/// The certificates in the text of `path`, the server's own first.
pub(super) fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| not_pem(&error).at(path))?;
    if chain.is_empty() { Err(PairProblem::NoCertificate.at(path)) } else { Ok(chain) }
}

/// The first private key in the text of `path`.
pub(super) fn key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    let contains = |mark: &&[u8]| pem.windows(mark.len()).any(|window| window == *mark);
    if MARKS_OF_ENCRYPTION.iter().any(contains) {
        return Err(PairProblem::EncryptedKey.at(path));
    }
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(not_pem(&error).at(path)),
        None => Err(PairProblem::NoKey.at(path)),
    }
}

/// In words of its own: the library's errors quote the text, and the text may be a key.
fn not_pem(error: &pem::Error) -> PairProblem {
    PairProblem::NotPem(match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be parsed",
    })
}

/// The content of a file, `None` if there is no such file.
///
/// `O_NONBLOCK` lets a FIFO be opened without waiting for its writer, so that it can be turned
/// away instead of holding up the start.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, PairError> {
    let unreadable = |error: io::Error| PairProblem::unreadable(path, error);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(unreadable(error.into())),
    };
    let stat = rustix::fs::fstat(&file).map_err(|error| unreadable(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PairProblem::NotAFile.at(path));
    }

    // One byte past the bound tells too large from just fitting, whatever the size said before.
    let mut content = Vec::new();
    File::from(file).take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(PairProblem::TooLarge.at(path));
    }
    if UTF_16.iter().any(|mark| content.starts_with(mark)) {
        return Err(PairProblem::NotPem("it is UTF-16; save it as ASCII or UTF-8").at(path));
    }
    Ok(Some(content))
}
