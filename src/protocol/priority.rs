//! The priority of answers, as clients give it (RFC 9218).

/// The priority of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 is the most urgent, 7 what is wanted when there is nothing else to do.
    pub urgency: u8,
    /// True if it is of use piece by piece, and so shares with others like it; else one is sent
    /// after the other.
    pub incremental: bool,
}

/// RFC 9218 §4.1: of a client that does say what it wants. One that never does has its answers
/// share, because it may read them in any order.
const USUAL: Priority = Priority { urgency: 3, incremental: false };

impl Default for Priority {
    fn default() -> Self {
        Self { incremental: true, ..USUAL }
    }
}

impl Priority {
    /// The rank of the stream `id` among those that wait, the least first: the most urgent; of those,
    /// the first that is to come as a whole, or else one after the other, from the one behind `turn`
    /// on (RFC 9218 §10).
    pub(super) fn rank<I: Copy + Ord>(self, id: I, turn: I) -> (u8, bool, bool, I) {
        let Self { urgency, incremental } = self;
        (urgency, incremental, incremental && id <= turn, id)
    }

    /// Reads a dictionary such as `u=1, i`. What is not understood says nothing (RFC 9218 §4).
    pub(super) fn parse(field: &[u8]) -> Self {
        field.split(|byte| *byte == b',').fold(USUAL, |priority, member| {
            match member.trim_ascii() {
                [b'u', b'=', digit @ b'0'..=b'7'] => Self { urgency: digit - b'0', ..priority },
                b"i" | b"i=?1" => Self { incremental: true, ..priority },
                b"i=?0" => Self { incremental: false, ..priority },
                _ => priority,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, urgency: u8, incremental: bool) {
        let expected = Priority { urgency, incremental };
        assert_eq!(Priority::parse(field.as_bytes()), expected, "{field}");
    }

    #[test]
    fn what_browsers_send_is_understood() {
        check("u=0", 0, false);
        check("u=5, i", 5, true);
        check("i", 3, true);
        check("u=1,i=?0", 1, false);
        check("i=?1, u=7", 7, true);
        check("u=8", 3, false);
        check("u=-1, x, =,", 3, false);
        check("", 3, false);
    }
}
