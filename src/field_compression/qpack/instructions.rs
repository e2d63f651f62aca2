//! Instructions on the streams of the client's encoder and decoder (RFC 9204 §4.3, §4.4): where
//! neither side has a dynamic table, next to none.

/// An instruction that makes no sense where there is no dynamic table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidInstruction;

/// The one instruction that the client's encoder may send: a capacity of nothing (RFC 9204 §4.3.1).
const NO_CAPACITY: u8 = 0x20;

/// Checks what the client's encoder says; gives the number of its instructions.
pub(crate) fn check_encoder_stream(bytes: &[u8]) -> Result<usize, InvalidInstruction> {
    let is_good = bytes.iter().all(|byte| *byte == NO_CAPACITY);
    if is_good { Ok(bytes.len()) } else { Err(InvalidInstruction) }
}

/// The stream of the client's decoder, in whichever pieces it comes. Of our sections it has nothing
/// to acknowledge, and nothing was inserted: it may say that it reads a stream no more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecoderStream {
    /// Bytes that a stream's number has had behind its prefix, if it has not ended.
    within: Option<u8>,
}

/// The most bytes behind its prefix that a number of 62 bits has (RFC 9204 §4.1.1).
const LONGEST: u8 = 9;

impl DecoderStream {
    /// Checks what the client's decoder says; gives the number of instructions that end here.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<usize, InvalidInstruction> {
        let mut ended = 0;
        for byte in bytes {
            self.within = match (self.within, *byte) {
                (Some(count), 0x80..) if count + 1 < LONGEST => Some(count + 1),
                (Some(_), 0x80..) => return Err(InvalidInstruction),
                // 01xxxxxx: the cancellation of a stream (RFC 9204 §4.4.2).
                (None, 0x7f) => Some(0),
                (Some(_), _) | (None, 0x40..0x7f) => None,
                // An acknowledgement, or insertions.
                (None, _) => return Err(InvalidInstruction),
            };
            ended += usize::from(self.within.is_none());
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_encoder(bytes: &[u8], expected: Result<usize, InvalidInstruction>) {
        assert_eq!(check_encoder_stream(bytes), expected, "{bytes:x?}");
    }

    #[test]
    fn an_encoder_has_no_table() {
        check_encoder(b"", Ok(0));
        check_encoder(b"\x20\x20", Ok(2));
        // A capacity of one byte, and a large one.
        check_encoder(b"\x21", Err(InvalidInstruction));
        check_encoder(b"\x3f\xe1\x1f", Err(InvalidInstruction));
        // An insertion by the name of another field, one with a name of its own, a duplicate.
        check_encoder(b"\xc0\x01a", Err(InvalidInstruction));
        check_encoder(b"\x41a\x01b", Err(InvalidInstruction));
        check_encoder(b"\x00", Err(InvalidInstruction));
        check_encoder(b"\x20\x00", Err(InvalidInstruction));
    }

    /// Checks the bytes as a whole and one by one.
    #[track_caller]
    fn check_decoder(bytes: &[u8], expected: Result<usize, InvalidInstruction>) {
        assert_eq!(DecoderStream::default().check(bytes), expected, "{bytes:x?}");
        let mut stream = DecoderStream::default();
        let pieces = bytes.iter().map(|byte| stream.check(&[*byte]));
        assert_eq!(pieces.sum::<Result<usize, _>>(), expected, "{bytes:x?}");
    }

    #[test]
    fn a_decoder_cancels_streams_and_nothing_else() {
        check_decoder(b"", Ok(0));
        check_decoder(b"\x40\x44", Ok(2));
        check_decoder(b"\x7f\x00\x7f\x81\x01\x40", Ok(3));
        check_decoder(b"\x7f", Ok(0));
        check_decoder(b"\x7f\x81\xff\xff\xff\xff\xff\xff\xff\x3f\x40", Ok(2));
        check_decoder(b"\x7f\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", Err(InvalidInstruction));
        // Acknowledgements, and insertions: of none, and of one.
        check_decoder(b"\x80", Err(InvalidInstruction));
        check_decoder(b"\xff\x00", Err(InvalidInstruction));
        check_decoder(b"\x00", Err(InvalidInstruction));
        check_decoder(b"\x01", Err(InvalidInstruction));
        check_decoder(b"\x40\x3f", Err(InvalidInstruction));
    }
}
