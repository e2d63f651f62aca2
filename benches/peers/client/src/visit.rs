//! The loads over HTTP/3: one thread drives all connections, whichever of them has something to do.

use std::time::{Duration, Instant};

use quinn_proto::ClientConfig;

use crate::chromium;
use crate::http3::{Http3, encode};
use crate::options::{Mode, Options};
use crate::page::references;
use crate::quic::{Room, quic_configuration, wait};
use crate::tally::{Failure, Tally};

/// How long nothing may come before the load counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Requests at a time on a connection where each is asked again as soon as it is answered.
const STREAMS: usize = 16;

/// The requests of a visit: each stage is asked for when the one before has come.
struct Script {
    stages: Vec<Vec<Vec<u8>>>,
    /// Each answer counts, and is asked for again at once.
    is_endless: bool,
    /// Each visit has a new connection.
    is_fresh: bool,
}

/// A connection and how far its visit is.
struct Visit {
    http: Http3,
    stage: usize,
    /// Requests of the stage that are not asked.
    unasked: Vec<Vec<u8>>,
    start: Instant,
}

/// Makes the load that `options` ask for.
pub fn load(options: &Options) -> Result<Tally, Failure> {
    let configured = quic_configuration(options)?;
    let mut room = Room::default();
    let script = Script::new(options, &configured, &mut room)?;
    let mut visits = (0..options.connections)
        .map(|_| Visit::begin(options, &configured, &script))
        .collect::<Result<Vec<_>, _>>()?;
    let (start, mut tally, mut heard) = (Instant::now(), Tally::default(), Instant::now());
    while start.elapsed() < options.duration {
        let mut received = 0;
        for visit in &mut visits {
            received += visit.turn(&script, &mut room, &mut tally)?;
            if visit.is_over() {
                tally.latencies.push(visit.start.elapsed());
                visit.next(options, &configured, &script)?;
            }
        }
        if received == 0 {
            wait(visits.iter().map(|visit| &visit.http.quic))?;
        } else {
            heard = Instant::now();
        }
        if heard.elapsed() > PATIENCE {
            return Err("nothing comes any more".into());
        }
    }
    tally.elapsed = start.elapsed();
    for visit in &mut visits {
        visit.http.quic.close()?;
    }
    Ok(tally)
}

impl Script {
    fn new(options: &Options, configured: &ClientConfig, room: &mut Room) -> Result<Self, Failure> {
        let (host, path) = (&options.host, &options.path);
        let simple = http::Request::get(format!("https://{host}{path}"))
            .header("user-agent", "peers-client")
            .body(())?;
        let simple = encode(&simple);
        let mut stages = vec![vec![simple]];
        if options.mode == Mode::Http3Page {
            let text = fetch(options, configured, &stages[0][0], room)?;
            let resources = references(&text);
            if resources.is_empty() {
                return Err("the page refers to nothing".into());
            }
            let request = |path: &str, referer| {
                chromium::request(host, path, referer).map(|request| encode(&request))
            };
            let parts = resources.iter().map(|resource| request(resource, Some(path)));
            stages = vec![vec![request(path, None)?], parts.collect::<Result<_, _>>()?];
        } else if options.mode == Mode::Http3 {
            stages = vec![vec![stages[0][0].clone(); STREAMS]];
        }
        let is_endless = matches!(options.mode, Mode::Http3 | Mode::Http3Bulk);
        Ok(Self { stages, is_endless, is_fresh: options.mode == Mode::Http3Fresh })
    }
}

/// The text of one answer.
fn fetch(
    options: &Options,
    configured: &ClientConfig,
    request: &[u8],
    room: &mut Room,
) -> Result<String, Failure> {
    let mut http = Http3::open(options, configured)?;
    let (mut text, mut is_asked, start) = (None, false, Instant::now());
    while text.is_none() {
        if http.turn(room, |answer| text = Some(answer.into_text()))? == 0 {
            wait(std::iter::once(&http.quic))?;
        }
        is_asked = is_asked || http.ask(request, true)?;
        if http.is_lost || start.elapsed() > PATIENCE {
            return Err("no answer over HTTP/3".into());
        }
    }
    http.quic.close()?;
    Ok(text.unwrap_or_default())
}

impl Visit {
    fn begin(
        options: &Options,
        configured: &ClientConfig,
        script: &Script,
    ) -> Result<Self, Failure> {
        let http = Http3::open(options, configured)?;
        Ok(Self { http, stage: 0, unasked: script.stages[0].clone(), start: Instant::now() })
    }

    fn turn(
        &mut self,
        script: &Script,
        room: &mut Room,
        tally: &mut Tally,
    ) -> Result<usize, Failure> {
        while let Some(request) = self.unasked.last()
            && self.http.ask(request, false)?
        {
            self.unasked.pop();
        }
        let (unasked, first) = (&mut self.unasked, &script.stages[0][0]);
        let received = self.http.turn(room, |answer| {
            tally.bad += u64::from(!answer.is_good());
            if script.is_endless {
                tally.latencies.push(Duration::ZERO);
                unasked.push(first.clone());
            }
        })?;
        tally.bytes += std::mem::take(&mut self.http.bytes);
        if self.http.is_lost {
            return Err("a connection was lost".into());
        }
        if self.unasked.is_empty() && self.http.awaited() == 0 {
            self.stage += 1;
            self.unasked = script.stages.get(self.stage).cloned().unwrap_or_default();
        }
        Ok(received)
    }

    /// True if all stages have come.
    fn is_over(&self) -> bool {
        self.unasked.is_empty() && self.http.awaited() == 0
    }

    /// Begins the next visit.
    fn next(
        &mut self,
        options: &Options,
        configured: &ClientConfig,
        script: &Script,
    ) -> Result<(), Failure> {
        if script.is_fresh {
            self.http.quic.close()?;
            *self = Self::begin(options, configured, script)?;
        } else {
            self.stage = 0;
            self.unasked.clone_from(&script.stages[0]);
            self.start = Instant::now();
        }
        Ok(())
    }
}
