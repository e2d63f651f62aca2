//! The outcome of a load.

use std::time::Duration;

/// Why a load could not be made at all.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Answers, counted and timed.
#[derive(Debug, Default)]
pub struct Tally {
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// Answers that failed or had another status than 200 to 299.
    pub bad: u64,
    /// Handshakes that were resumed.
    pub resumed: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// The key exchange that was agreed on.
    pub group: Option<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Quantiles are given in microseconds.
const MICROSECONDS: f64 = 1e6;

/// Content is given in units of this many bytes.
const MEBIBYTE: f64 = 1_048_576.0;

impl Tally {
    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.bad += other.bad;
        self.resumed += other.resumed;
        self.bytes += other.bytes;
        self.group = self.group.take().or(other.group);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// One line of JSON.
    pub fn into_json(mut self) -> String {
        self.latencies.sort_unstable();
        let seconds = self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let mebibytes = as_float(self.bytes) / MEBIBYTE;
        format!(
            "{{\"count\":{},\"rate\":{:.1},\"bad\":{},\"resumed\":{},\"p50\":{:.1},\"p99\":{:.1},\
             \"p999\":{:.1},\"mebibytes\":{:.1},\"mebibytes_per_second\":{:.1},\"group\":\"{}\"}}",
            self.latencies.len(),
            as_float(self.latencies.len() as u64) / seconds,
            self.bad,
            self.resumed,
            self.quantile(50, 100),
            self.quantile(99, 100),
            self.quantile(999, 1000),
            mebibytes,
            mebibytes / seconds,
            self.group.unwrap_or_default(),
        )
    }

    /// The latency that `part` of `whole` answers did not exceed; `latencies` is sorted.
    fn quantile(&self, part: usize, whole: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (self.latencies.len() * part / whole).min(last);
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * MICROSECONDS)
    }
}

/// Exact below 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn as_float(count: u64) -> f64 {
    count as f64
}
