//! Bytes that a connection keeps for a client that has too much on others already.

use super::*;
use crate::protocol::limits::KEPT_BYTES;

#[test]
fn a_field_block_that_grows_is_not_kept_for_a_greedy_client() {
    let begun = frame(kind::HEADERS, 0x1, 1, &fields("/"));
    let more = frame(kind::CONTINUATION, 0, 1, &[0; KEPT_BYTES]);
    // ENHANCE_YOUR_CALM, once it is more than every connection may keep.
    for (greedy, frames, expected) in [
        (false, vec![&begun, &more], ""),
        (true, vec![&begun], ""),
        (true, vec![&begun, &more], "GOAWAY/0=0xb"),
    ] {
        let mut test = Test::new();
        GREEDY.set(greedy);
        let sent: Vec<_> = frames.into_iter().flatten().copied().collect();
        assert_eq!(test.exchange(&sent), expected, "{greedy}, {} bytes", sent.len());
        // While the client is heard out nothing is kept of what it has sent.
        let kept = test.0.block.is_some() || test.0.input.kept() > 0;
        assert_eq!(kept, expected.is_empty());
        GREEDY.set(false);
    }
}

#[test]
fn a_greedy_client_that_takes_nothing_is_read_from_no_further() {
    for greedy in [false, true] {
        let mut test = Test::new();
        test.0.io.blocked = true;
        let answers: Vec<_> = (0..500).flat_map(|index| get(2 * index + 1, "/")).collect();
        test.exchange(&answers);
        assert!(test.0.output.queued() >= KEPT_BYTES && !test.0.output.is_full());
        GREEDY.set(greedy);
        test.exchange(&frame(kind::PING, 0, 0, &[0; 8]));
        assert_eq!(test.0.io.sent.is_empty(), !greedy);
        GREEDY.set(false);
    }
}

#[test]
fn what_grew_by_doubling_is_given_back_while_it_waits() {
    let mut test = Test::new();
    test.0.io.blocked = true;
    test.exchange(&(0..2000).flat_map(|index| get(2 * index + 1, "/")).collect::<Vec<_>>());
    let (kept, queued) = (test.0.output.kept(), test.0.output.queued());
    assert!(queued >= 64 * 1024 && kept < queued + KEPT_BYTES, "{kept} for {queued}");
}
