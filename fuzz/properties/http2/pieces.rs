//! The same bytes in other pieces: the same requests, the same answers and the same end. Where time
//! decides is said in [`compare`].

use super::Served;
use super::wire::{Client, Wire};

/// RFC 9113 §7.
const INTERNAL_ERROR: u32 = 2;

/// Compares the outcomes of two connections whose clients sent the same in other pieces.
///
/// - A frame behind the end of a request breaks its stream while that is being answered, and the
///   connection once the answer is out (RFC 9113 §5.1, §5.1.1).
/// - Answers that were on their way when the connection broke may not have been sent.
/// - One that its client reset, or broke the protocol on, may have been sent before.
/// - Where the client leaves less room than it asks for, or takes room back, the answers that come
///   first have it.
pub(super) fn compare(sent: &[u8], one: &Served, other: &Served) {
    let both = || format!("{one:?}\n{other:?}");
    let gone_away = [one.wire.gone_away, other.wire.gone_away];
    if [one, other].iter().any(|served| served.wire.has_frames_behind_an_end()) {
        let count = one.asked.len().min(other.asked.len());
        assert_eq!(one.asked[..count], other.asked[..count], "{}", both());
        return;
    }
    assert_eq!(one.asked, other.asked, "{}", both());
    assert_eq!(gone_away[0], gone_away[1], "{}", both());
    if gone_away[0].is_some_and(|(_, reason)| reason != 0) {
        return;
    }
    let client = Client::of(sent);
    let promised: usize = one.wire.answers.values().map(|answer| answer.promised).sum();
    let has_room = !client.takes_room_back && promised <= client.room;
    let answers = |wire: &Wire| -> Vec<_> {
        let answers = wire.answers.iter().filter(|(stream, _)| !client.resets.contains(stream));
        let known = answers.map(|(stream, answer)| {
            // Content that breaks off does so at its end.
            let reset = answer.reset.filter(|&reason| has_room || reason != INTERNAL_ERROR);
            let whole = has_room && reset.is_none();
            let content = whole.then_some((answer.received, answer.ended));
            (*stream, reset.is_none().then_some(answer.promised), content, reset)
        });
        known.collect()
    };
    assert_eq!(answers(&one.wire), answers(&other.wire), "{}", both());
}
