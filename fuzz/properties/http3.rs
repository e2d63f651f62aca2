//! Streams of HTTP/3: any bytes that a client may send on any of them, in any pieces.

use std::collections::{BTreeMap, BTreeSet};

use shost::process::clock::Tick;
use shost::protocol::budget::Budgets;
use shost::protocol::http3::{
    Continuation, Farewell, Fault, RequestHead, RequestStream, UnidirectionalStreams,
};

/// Bytes that are sent at the most: fewer than the actions that every client may take at once, so
/// that no time decides.
const MOST: usize = 900;

/// Frames of priorities, which have long types (RFC 9218 §7.2).
const PRIORITY_UPDATES: [&[u8]; 2] = [b"\x80\x0f\x07\x00", b"\x80\x0f\x07\x01"];

/// The longest head that may be handed over, in bytes as limits count them, and in fields.
const HEAD: (usize, usize) = (32 * 1024, 100);

/// What a client sends on its streams: each time a stream and whether it ends, the type of a frame
/// or that there is none, the length of the payload, and the payload.
pub(crate) fn http3(mut input: &[u8]) {
    let mut sent = Vec::new();
    let mut total = 0;
    let mut ended = BTreeSet::new();
    while let Some((&[stream, kind, length], rest)) = input.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(length)));
        input = rest;
        let (id, ends) = (u64::from(stream & 0xf) * 2, stream & 0x80 != 0);
        let bytes = framed(kind, payload);
        total += bytes.len();
        if total > MOST || ended.contains(&id) {
            break;
        }
        if ends {
            ended.insert(id);
        }
        sent.push((id, bytes, ends));
    }
    let whole = serve(&sent, usize::MAX);
    for size in [1, 2, 5] {
        assert_eq!(serve(&sent, size), whole, "in pieces of {size}");
    }
    farewell(&sent);
}

/// The bytes of a frame of this type, or the payload alone.
fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
    let kind: &[u8] = match kind {
        0..0x40 => &[kind],
        0x40..0x60 => PRIORITY_UPDATES[usize::from(kind & 1)],
        _ => return payload.to_vec(),
    };
    let length = u8::try_from(payload.len()).expect("a byte says how long it is");
    // RFC 9000 §16: two bytes.
    [kind, &[0x40, length], payload].concat()
}

/// The outcome of a connection: that of each stream, or the error that it ended with.
type Outcome = Result<BTreeMap<u64, Vec<String>>, Fault>;

/// A connection, as far as it has come.
struct Served {
    streams: UnidirectionalStreams,
    requests: BTreeMap<u64, RequestStream>,
    budgets: Budgets,
    outcomes: BTreeMap<u64, Vec<String>>,
    /// Streams that are not read any further.
    over: BTreeSet<u64>,
}

fn serve(sent: &[(u64, Vec<u8>, bool)], size: usize) -> Outcome {
    let mut served = Served {
        streams: UnidirectionalStreams::default(),
        requests: BTreeMap::new(),
        budgets: Budgets::new(Tick::now()),
        outcomes: BTreeMap::new(),
        over: BTreeSet::new(),
    };
    for (id, bytes, ends) in sent {
        let mut pieces = bytes.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            served.take(*id, piece, *ends && pieces.peek().is_none())?;
        }
        if bytes.is_empty() {
            served.take(*id, b"", *ends)?;
        }
    }
    Ok(served.outcomes)
}

impl Served {
    fn take(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        if self.over.contains(&id) {
            return Ok(());
        }
        let taken = if id.is_multiple_of(4) {
            self.request(id, bytes, ends)
        } else {
            self.other(id, bytes, ends)
        };
        if let Err(Fault::Stream(code)) = taken {
            assert!(id.is_multiple_of(4), "only a request is given up alone");
            self.over.insert(id);
            self.outcomes.insert(id, vec![code.name().to_owned()]);
            return Ok(());
        }
        taken
    }

    fn request(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        let stream = self.requests.entry(id).or_default();
        let begun = stream.receive(bytes, ends, &mut self.budgets)?;
        assert!(stream.kept() <= 2 * MOST, "more than has come");
        let Some(RequestHead { head, priority, wants_content }) = begun else { return Ok(()) };
        if let Ok(head) = &head {
            let fields = head.headers.iter();
            let size: usize =
                fields.map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(size <= HEAD.0 && head.headers.len() <= HEAD.1, "{head:?}");
            assert!(!head.headers.contains_key("connection"), "{head:?}");
            assert_eq!(wants_content, head.method != "HEAD");
        }
        let outcome = format!("{head:?} {priority:?}");
        assert!(self.outcomes.insert(id, vec![outcome]).is_none(), "two heads");
        Ok(())
    }

    fn other(&mut self, id: u64, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        let outcomes = &mut self.outcomes;
        let read = self.streams.receive(id, bytes, &mut self.budgets, |request, priority| {
            assert!(request.is_multiple_of(4), "a priority of no request");
            outcomes.entry(id).or_default().push(format!("{request}: {priority:?}"));
        })?;
        if let Continuation::Stop(code) = read {
            self.over.insert(id);
            self.outcomes.insert(id, vec![code.name().to_owned()]);
        } else if ends {
            self.streams.end(id)?;
        }
        Ok(())
    }
}

/// A client that has been told of the end is never told of more than before.
fn farewell(sent: &[(u64, Vec<u8>, bool)]) {
    let (mut farewell, mut out) = (Farewell::default(), vec![0, 4, 0]);
    for (id, _, ends) in sent {
        if *ends {
            farewell.finish(*id, &mut out);
        } else {
            farewell.announce(&mut out);
        }
    }
    // Clients go in the same way: the rules of their frames hold for ours.
    let (mut streams, mut budgets) = (UnidirectionalStreams::default(), Budgets::new(Tick::now()));
    streams.receive(2, &out, &mut budgets, |_, _| {}).expect("each names no more than the last");
}
