//! Making coded forms of content, with the crates that do that best.

use std::io::{self, Read, Write};

use super::Coding;

/// The effort of a compressor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Within milliseconds, for the next visitor.
    Quick,
    /// As small as it gets, for content that stays in demand; up to seconds for a mebibyte.
    Best,
}

/// A level of a compressor's own scale, by effort.
struct Levels {
    quick: u32,
    best: u32,
}

/// Zstandard's own default, and the last level before the `ultra` ones, whose windows a browser
/// may refuse (RFC 9659).
const ZSTD: Levels = Levels { quick: 3, best: 19 };

/// The highest quality that still takes a greedy parse, and the highest.
const BROTLI: Levels = Levels { quick: 4, best: 11 };

/// zlib's default is 6; beyond 9 there is nothing.
const GZIP: Levels = Levels { quick: 5, best: 9 };

/// The window sizes of brotli, as powers of two (RFC 7932 §9.1). A window larger than the content
/// only costs memory on both sides.
const BROTLI_WINDOW: std::ops::RangeInclusive<u32> = 10..=22;

/// `content` in a coding; `None` if that is the identity, not smaller, or cannot be made.
#[must_use]
pub fn encode(coding: Coding, effort: Effort, content: &[u8]) -> Option<Vec<u8>> {
    let coded = match coding {
        Coding::Zstd => zstd::bulk::compress(content, zstd_level(effort)),
        Coding::Brotli => brotli(BROTLI.of(effort), content),
        Coding::Gzip => gzip(GZIP.of(effort), content),
        Coding::Identity => return None,
    };
    let mut coded = coded.ok().filter(|coded| coded.len() < content.len())?;
    // The compressors reserve room for the worst, and it would be kept as long as the content.
    coded.shrink_to_fit();
    Some(coded)
}

/// `content` in Zstandard with `dictionary`, whose SHA-256 this is, as the coding `dcz` has it (RFC 9842
/// §5): a frame that decoders skip, with the hash, and a frame with the content.
///
/// # Errors
/// When the encoder fails.
pub fn encode_with_dictionary(
    effort: Effort,
    content: &[u8],
    dictionary: &[u8],
    digest: &[u8; 32],
) -> io::Result<Vec<u8>> {
    let coded = [&DICTIONARY_MAGIC, &digest[..]].concat();
    let mut encoder = zstd::Encoder::with_ref_prefix(coded, zstd_level(effort), dictionary)?;
    encoder.set_pledged_src_size(Some(content.len() as u64))?;
    encoder.write_all(content)?;
    let mut coded = encoder.finish()?;
    coded.shrink_to_fit();
    Ok(coded)
}

/// The head of a frame of 32 bytes that is skipped (RFC 8878 §3.1.2), in front of the dictionary's hash.
const DICTIONARY_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

fn zstd_level(effort: Effort) -> i32 {
    i32::try_from(ZSTD.of(effort)).unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL)
}

/// Content of `length` bytes in a coding, read and made bit by bit; `None` if that is the identity,
/// or takes more than `most` bytes.
///
/// # Errors
/// When the content cannot be read to its end.
pub fn encode_from(
    coding: Coding,
    effort: Effort,
    mut content: impl Read,
    length: u64,
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut coded = Bounded { bytes: Vec::new(), most, is_full: false };
    let written = match coding {
        Coding::Zstd => write_zstd(zstd_level(effort), &mut content, length, &mut coded),
        Coding::Brotli => write_brotli(BROTLI.of(effort), &mut content, length, &mut coded),
        Coding::Gzip => write_gzip(GZIP.of(effort), &mut content, &mut coded),
        Coding::Identity => return Ok(None),
    };
    if coded.is_full {
        return Ok(None);
    }
    written?;
    coded.bytes.shrink_to_fit();
    Ok(Some(coded.bytes))
}

/// Bytes that take no more than so many.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.most {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_zstd(
    level: i32,
    content: &mut impl Read,
    length: u64,
    coded: &mut Bounded,
) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(coded, level)?;
    encoder.set_pledged_src_size(Some(length))?;
    io::copy(content, &mut encoder)?;
    encoder.finish().map(drop)
}

fn write_brotli(
    quality: u32,
    content: &mut impl Read,
    length: u64,
    coded: &mut Bounded,
) -> io::Result<()> {
    let mut writer = brotli::CompressorWriter::new(coded, BUFFER, quality, window(length));
    io::copy(content, &mut writer)?;
    writer.flush()?;
    drop(writer);
    Ok(())
}

fn write_gzip(level: u32, content: &mut impl Read, coded: &mut Bounded) -> io::Result<()> {
    let mut writer = flate2::write::GzEncoder::new(coded, flate2::Compression::new(level));
    io::copy(content, &mut writer)?;
    writer.finish().map(drop)
}

impl Levels {
    fn of(&self, effort: Effort) -> u32 {
        match effort {
            Effort::Quick => self.quick,
            Effort::Best => self.best,
        }
    }
}

/// `content` in brotli of this quality, from 0 to 11.
///
/// # Errors
/// When the encoder fails.
pub fn brotli(quality: u32, content: &[u8]) -> io::Result<Vec<u8>> {
    let buffer = content.len().min(BUFFER);
    let window = window(content.len() as u64);
    let mut writer = brotli::CompressorWriter::new(Vec::new(), buffer, quality, window);
    writer.write_all(content)?;
    // Finishes the stream; to flush it before would add two bytes.
    Ok(writer.into_inner())
}

/// The window for content of `length` bytes.
fn window(length: u64) -> u32 {
    let bits = u64::BITS - length.leading_zeros();
    bits.clamp(*BROTLI_WINDOW.start(), *BROTLI_WINDOW.end())
}

/// Bytes that the brotli writer gathers at a time.
const BUFFER: usize = 64 * 1024;

fn gzip(level: u32, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let level = flate2::Compression::new(level);
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
    writer.write_all(content)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        match coding {
            Coding::Zstd => content = zstd::decode_all(coded).unwrap(),
            Coding::Brotli => {
                brotli::Decompressor::new(coded, 4096).read_to_end(&mut content).unwrap();
            }
            Coding::Gzip => {
                flate2::read::GzDecoder::new(coded).read_to_end(&mut content).unwrap();
            }
            Coding::Identity => content.extend_from_slice(coded),
        }
        content
    }

    #[test]
    fn every_coded_form_decodes_to_the_content() {
        let page = include_str!("../../LICENSE");
        for coding in Coding::CODED {
            let mut sizes = Vec::new();
            for effort in [Effort::Quick, Effort::Best] {
                let coded = encode(coding, effort, page.as_bytes()).unwrap();
                assert_eq!(decode(coding, &coded), page.as_bytes(), "{coding:?} {effort:?}");
                sizes.push(coded.len());
            }
            assert!(sizes[1] <= sizes[0], "{coding:?}: more effort made it {sizes:?}");
        }
    }

    #[test]
    fn a_dictionary_saves_what_two_pages_share() {
        let page = include_str!("../../LICENSE");
        let digest: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        // Of lengths at which the encoder chooses other parameters.
        for length in [200, 2_000, 16_000] {
            let dictionary = page[..length].replace("Covered", "Shared").repeat(8);
            let content = page[..length].repeat(3);
            for effort in [Effort::Quick, Effort::Best] {
                let coded = encode_with_dictionary(
                    effort,
                    content.as_bytes(),
                    dictionary.as_bytes(),
                    &digest,
                )
                .unwrap();
                assert_eq!(coded[..8], DICTIONARY_MAGIC);
                assert_eq!(coded[8..40], digest);
                let mut decoder =
                    zstd::Decoder::with_ref_prefix(&coded[40..], dictionary.as_bytes()).unwrap();
                let mut found = String::new();
                decoder.read_to_string(&mut found).unwrap();
                assert!(found == content, "{length} {effort:?}");
                let plain = encode(Coding::Zstd, effort, content.as_bytes()).unwrap();
                assert!(
                    coded.len() < plain.len(),
                    "{length} {effort:?}: {} of {}",
                    coded.len(),
                    plain.len()
                );
            }
        }
    }

    #[test]
    fn content_is_coded_bit_by_bit_within_a_bound() {
        let page = include_str!("../../LICENSE").repeat(100);
        let content = page.as_bytes();
        for coding in Coding::CODED {
            let make =
                |content, length, most| encode_from(coding, Effort::Quick, content, length, most);
            let length = content.len() as u64;
            let coded = make(content, length, usize::MAX).unwrap().unwrap();
            assert!(coded.len() < content.len() / 2, "{coding:?}");
            assert_eq!(decode(coding, &coded), content, "{coding:?}");
            assert_eq!(make(content, length, coded.len()).unwrap(), Some(coded.clone()));
            assert_eq!(make(content, length, coded.len() - 1).unwrap(), None, "{coding:?}");
        }
        let identity = encode_from(Coding::Identity, Effort::Quick, content, 1, 1);
        assert_eq!(identity.unwrap(), None);
    }

    #[test]
    fn what_does_not_shrink_is_not_coded() {
        let noise: Vec<u8> = (0_u32..1_000)
            .flat_map(|at| at.wrapping_mul(2_654_435_761).rotate_left(at % 32).to_le_bytes())
            .collect();
        for coding in Coding::ALL {
            for content in [&b""[..], b"x", &noise] {
                assert_eq!(encode(coding, Effort::Quick, content), None, "{coding:?}");
            }
        }
    }
}
