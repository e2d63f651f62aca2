//! The key of one direction of a TLS connection: it seals records, or opens them.
//!
//! A record is a header, and content that is encrypted and authenticated (RFC 8446 §5.2; for
//! TLS 1.2 RFC 5246 §6.2.3.3, RFC 5288 §3 and RFC 7905 §2). How records follow each other, and what
//! is in them, is known to [the stream](super::encrypted_stream).
//!
//! ```text
//! TLS 1.3   23 0303 length | content, its type         | tag      type and tag are in the length
//! TLS 1.2   type 0303 length | nonce (AES-GCM) | content | tag
//! ```

use std::fmt;
use std::ops::Range;

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use rustls::{AlertDescription, ConnectionTrafficSecrets, ContentType, ProtocolVersion};

use super::violation::Violation;

/// Bytes of a record's header: its type, a version that says nothing, and a length.
pub(super) const HEADER: usize = 5;

/// Bytes of content that a record may have (RFC 8446 §5.1).
pub(super) const CONTENT: usize = 16 * 1024;

/// Bytes of a sealed record, at the most.
pub(super) const SEALED: usize = HEADER + EXPLICIT_NONCE + CONTENT + 1 + TAG;

/// Bytes of the part of a nonce that is sent (RFC 5288 §3).
const EXPLICIT_NONCE: usize = 8;

/// Bytes of a tag; all algorithms have it so.
const TAG: usize = 16;

/// Bytes that a record of TLS 1.3 may have beyond its content: its type, its tag and some padding
/// (RFC 8446 §5.2).
const EXPANSION_13: usize = 256;

/// The same for TLS 1.2 (RFC 5246 §6.2.3).
const EXPANSION_12: usize = 2048;

/// The version of each record, whatever was agreed on (RFC 8446 §5.1).
const LEGACY_VERSION: [u8; 2] = [3, 3];

/// A record without a type (RFC 8446 §5.4).
const ONLY_PADDING: Violation =
    Violation::Sent(AlertDescription::UnexpectedMessage, "a record of padding alone");

/// A key, and the number of the next record.
pub(super) struct RecordKey {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    sequence: u64,
    protection: Protection,
}

/// The form of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// TLS 1.3: the type of the content is encrypted with it.
    Tls13,
    /// TLS 1.2 with AES-GCM: a part of the nonce is sent.
    Tls12Explicit,
    /// TLS 1.2 with ChaCha20-Poly1305.
    Tls12,
}

impl RecordKey {
    /// The key of secrets of the handshake, for records from a number on.
    ///
    /// # Errors
    ///
    /// When the secrets are of an algorithm or a version that is not known here.
    pub(super) fn new(
        version: ProtocolVersion,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, rustls::Error> {
        let unknown = || rustls::Error::General("an unknown algorithm of records".to_owned());
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return Err(unknown()),
        };
        let protection = match version {
            ProtocolVersion::TLSv1_3 => Protection::Tls13,
            ProtocolVersion::TLSv1_2 if *algorithm == CHACHA20_POLY1305 => Protection::Tls12,
            ProtocolVersion::TLSv1_2 => Protection::Tls12Explicit,
            _ => return Err(unknown()),
        };
        let key = UnboundKey::new(algorithm, key.as_ref()).map_err(|_| unknown())?;
        let iv = iv.as_ref().try_into().map_err(|_| unknown())?;
        Ok(Self { key: LessSafeKey::new(key), iv, sequence, protection })
    }

    /// The number of records that the key has sealed or opened.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Bytes of a record before its content.
    pub(super) fn prefix(&self) -> usize {
        match self.protection {
            Protection::Tls12Explicit => HEADER + EXPLICIT_NONCE,
            Protection::Tls13 | Protection::Tls12 => HEADER,
        }
    }

    /// Seals `content` as a record at the beginning of `record`, and gives the length of it. The
    /// content is not copied.
    pub(super) fn seal(&mut self, kind: ContentType, content: &[u8], record: &mut [u8]) -> usize {
        assert!(content.len() <= CONTENT, "a record of {} bytes", content.len());
        let (nonce, data) = self.begin(kind, content.len(), record);
        let body = &mut record[self.prefix()..];
        let (sealed, rest) = body.split_at_mut(content.len());
        let (inner, end) = self.end(kind);
        self.key
            .seal_out_of_place_scatter(
                nonce,
                data,
                content,
                sealed,
                &inner[..end - TAG],
                &mut rest[..end],
            )
            .expect("a record is of a length that the algorithm takes");
        self.prefix() + content.len() + end
    }

    /// Seals content of so many bytes that is in its place in `record`, behind the
    /// [prefix](Self::prefix).
    pub(super) fn seal_in_place(
        &mut self,
        kind: ContentType,
        length: usize,
        record: &mut [u8],
    ) -> usize {
        assert!(length <= CONTENT, "a record of {length} bytes");
        let (nonce, data) = self.begin(kind, length, record);
        let body = &mut record[self.prefix()..];
        let (content, rest) = body.split_at_mut(length);
        let (inner, end) = self.end(kind);
        self.key
            .seal_in_place_scatter(nonce, data, content, &inner[..end - TAG], &mut rest[..end])
            .expect("a record is of a length that the algorithm takes");
        self.prefix() + length + end
    }

    /// Writes what stands before the content; gives the nonce and what is authenticated beside it.
    fn begin(
        &mut self,
        kind: ContentType,
        length: usize,
        record: &mut [u8],
    ) -> (Nonce, Aad<AdditionalData>) {
        let nonce = self.nonce();
        let (_, end) = self.end(kind);
        let outer = match self.protection {
            Protection::Tls13 => ContentType::ApplicationData,
            Protection::Tls12 | Protection::Tls12Explicit => kind,
        };
        let inside = self.prefix() - HEADER + length + end;
        let header = header(outer, LEGACY_VERSION, inside);
        record[..HEADER].copy_from_slice(&header);
        if self.protection == Protection::Tls12Explicit {
            record[HEADER..self.prefix()].copy_from_slice(&nonce[NONCE_LEN - EXPLICIT_NONCE..]);
        }
        let additional = self.additional_data(header, length);
        self.sequence += 1;
        (Nonce::assume_unique_for_key(nonce), Aad::from(additional))
    }

    /// The type that is encrypted behind the content, and the bytes behind it with the tag.
    fn end(&self, kind: ContentType) -> ([u8; 1], usize) {
        let inner = usize::from(self.protection == Protection::Tls13);
        ([kind.into()], inner + TAG)
    }

    /// The bytes that a record takes, by its header.
    ///
    /// # Errors
    ///
    /// When the connection can have no such record.
    pub(super) fn length(&self, header: [u8; HEADER]) -> Result<usize, Violation> {
        let [kind, major, _, high, low] = header;
        if major != LEGACY_VERSION[0] {
            return Err(Violation::Sent(AlertDescription::DecodeError, "what is no TLS record"));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let is_13 = self.protection == Protection::Tls13;
        if is_13 && ContentType::from(kind) != ContentType::ApplicationData {
            let what = "a record that is not encrypted";
            return Err(Violation::Sent(AlertDescription::UnexpectedMessage, what));
        }
        if length > CONTENT + if is_13 { EXPANSION_13 } else { EXPANSION_12 } {
            return Err(too_long());
        }
        Ok(HEADER + length)
    }

    /// Opens a whole record in its place; gives the type of its content, and where it is.
    ///
    /// # Errors
    ///
    /// When it is not a record of the other side, or not the next one.
    pub(super) fn open(
        &mut self,
        record: &mut [u8],
    ) -> Result<(ContentType, Range<usize>), Violation> {
        let forged =
            || Violation::Sent(AlertDescription::BadRecordMac, "a record that was changed");
        let prefix = self.prefix();
        let end = record.len().checked_sub(TAG).filter(|end| *end >= prefix).ok_or_else(forged)?;
        let (outer, version) = (ContentType::from(record[0]), [record[1], record[2]]);
        let mut nonce = self.nonce();
        if self.protection == Protection::Tls12Explicit {
            nonce[NONCE_LEN - EXPLICIT_NONCE..].copy_from_slice(&record[HEADER..prefix]);
        }
        let header = header(outer, version, record.len() - HEADER);
        let additional = self.additional_data(header, end - prefix);
        let (body, tag) = record.split_at_mut(end);
        let content = &mut body[prefix..];
        self.key
            .open_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(additional),
                tag,
                content,
            )
            .map_err(|_| forged())?;
        self.sequence += 1;
        let (kind, length) = match self.protection {
            Protection::Tls13 => {
                // Behind the type there may be padding of zeros (RFC 8446 §5.4).
                let at = content.iter().rposition(|byte| *byte != 0).ok_or(ONLY_PADDING)?;
                (content[at].into(), at)
            }
            Protection::Tls12 | Protection::Tls12Explicit => (outer, content.len()),
        };
        if length > CONTENT {
            return Err(too_long());
        }
        Ok((kind, prefix..prefix + length))
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        let number = self.sequence.to_be_bytes();
        for (byte, of_number) in nonce[NONCE_LEN - number.len()..].iter_mut().zip(number) {
            *byte ^= of_number;
        }
        nonce
    }

    fn additional_data(&self, header: [u8; HEADER], length: usize) -> AdditionalData {
        let mut data = AdditionalData { bytes: [0; 13], length: HEADER };
        if self.protection == Protection::Tls13 {
            data.bytes[..HEADER].copy_from_slice(&header);
        } else {
            let [kind, major, minor, ..] = header;
            let [high, low] = length_bytes(length);
            data.bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
            data.bytes[8..].copy_from_slice(&[kind, major, minor, high, low]);
            data.length = data.bytes.len();
        }
        data
    }
}

/// Bytes that are authenticated beside the content: the header, in TLS 1.2 with the number of the
/// record and the length of the content (RFC 8446 §5.2, RFC 5246 §6.2.3.3).
struct AdditionalData {
    bytes: [u8; 13],
    length: usize,
}

impl AsRef<[u8]> for AdditionalData {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn header(kind: ContentType, [major, minor]: [u8; 2], length: usize) -> [u8; HEADER] {
    let [high, low] = length_bytes(length);
    [kind.into(), major, minor, high, low]
}

fn length_bytes(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a record is shorter").to_be_bytes()
}

fn too_long() -> Violation {
    Violation::Sent(AlertDescription::RecordOverflow, "a record that is too long")
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, protection, .. } = self;
        formatter
            .debug_struct("RecordKey")
            .field("sequence", sequence)
            .field("protection", protection)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::cipher::{AeadKey, Iv};

    use super::*;

    fn key(version: ProtocolVersion) -> RecordKey {
        let (key, iv) = (AeadKey::from([1; 32]), Iv::from([2; NONCE_LEN]));
        RecordKey::new(version, (0, ConnectionTrafficSecrets::Aes256Gcm { key, iv })).unwrap()
    }

    /// A record that is longer than any may be.
    fn long(version: ProtocolVersion, length: usize) -> Vec<u8> {
        let mut key = key(version);
        let mut record = vec![0; SEALED + 1];
        let (nonce, data) = key.begin(ContentType::ApplicationData, length, &mut record);
        let (inner, end) = key.end(ContentType::ApplicationData);
        let body = &mut record[key.prefix()..];
        let (content, rest) = body.split_at_mut(length);
        let inner = &inner[..end - TAG];
        key.key.seal_in_place_scatter(nonce, data, content, inner, &mut rest[..end]).unwrap();
        record.truncate(key.prefix() + length + end);
        record
    }

    #[test]
    fn a_record_has_no_more_content_than_it_may_have() {
        for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
            let mut most = long(version, CONTENT);
            let (kind, content) = key(version).open(&mut most).unwrap();
            assert_eq!((kind, content.len()), (ContentType::ApplicationData, CONTENT));
            let mut more = long(version, CONTENT + 1);
            let header = *more.first_chunk().unwrap();
            assert_eq!(key(version).length(header), Ok(more.len()), "padding may take as much");
            assert_eq!(key(version).open(&mut more), Err(too_long()));
        }
    }
}
