//! Sequences of steps, a byte each, that end in a bearable time.

/// Steps of one run, which cost time that other runs could use.
const STEPS: usize = 64;

/// The steps that these bytes stand for, with at most `waits` of those that take longest.
pub(crate) fn steps<S>(
    input: &[u8],
    from_byte: fn(u8) -> S,
    is_wait: fn(&S) -> bool,
    mut waits: usize,
) -> Vec<S> {
    let mut is_bearable = |step: &S| {
        if !is_wait(step) {
            return true;
        }
        let is_left = waits > 0;
        waits = waits.saturating_sub(1);
        is_left
    };
    input
        .iter()
        .take(STEPS)
        .map(|byte| from_byte(*byte))
        .filter(|step| is_bearable(step))
        .collect()
}
