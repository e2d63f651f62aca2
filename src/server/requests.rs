//! The requests of a connection: each answered by the service, and counted while it lasts.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Version};
use http_body::{Frame, SizeHint};

use super::connection::activity::Activity;
use super::state::snapshot::{Counters, Live};
use crate::ledger::{ANSWER_BYTES, AWAITED_BYTES, Account, Visit, Waiting};
use crate::log::Entry;
use crate::protocol::handler::{Content, Handler};
use crate::service::body::PolledFrame;
use crate::service::{self, Arrival, Body, Duty, Peer, Response};
use crate::visitor::proxy::forwarded::origin;

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    live: Arc<Live>,
    connection: Arc<Peer>,
    activity: Arc<Activity>,
}

/// An answer in the making.
pub(super) type Answered = Pin<Box<dyn Future<Output = Response<Tracked>> + Send>>;

impl Requests {
    /// Requests of `connection`, answered from what is live and noted in `activity`.
    pub(super) fn new(live: Arc<Live>, connection: Arc<Peer>, activity: Arc<Activity>) -> Self {
        Self { live, connection, activity }
    }

    /// The client of a request: the connection's own, or the one for whom a trusted proxy asks.
    fn client_of(&self, head: &Parts) -> (Arc<Peer>, Option<Visit>) {
        let Some(proxies) = self.connection.proxies() else {
            return (Arc::clone(&self.connection), None);
        };
        let origin = origin(proxies, self.connection.address(), &head.headers);
        let visit = self.activity.account().map(|account| account.visit(origin.address));
        let account = visit.as_ref().map(|visit| Arc::clone(visit.account()));
        (Arc::new(self.connection.on_behalf_of(origin, account)), visit)
    }
}

impl Handler for Requests {
    type Content = Tracked;
    type Answer = Answered;

    /// A head has begun that is not whole, and is due from now on.
    fn head_begun(&self) {
        self.activity.read();
    }

    /// A head that was refused never became a request; it gets its line all the same.
    fn refused(&self, version: Version, status: StatusCode, bytes: u64) {
        let arrival = Arrival::now();
        self.connection.service().log().record(&Entry {
            time: arrival.wall(),
            duration: Duration::ZERO,
            peer: self.connection.address(),
            port: self.connection.port(),
            method: "-",
            host: "",
            target: "",
            version,
            status: status.as_u16(),
            bytes,
            referer: None,
            user_agent: None,
            coding: None,
            tls: self.connection.tls(),
            bot: None,
            fields: None,
        });
    }

    fn keeps(&self, bytes: usize) -> bool {
        self.activity.keeps(bytes)
    }

    fn may_ask(&self) -> bool {
        self.activity.account().is_none_or(|account| account.may_ask())
    }

    /// Answers a request from the snapshot that is current now.
    fn answer(&self, mut head: Parts) -> Answered {
        let (connection, visit) = self.client_of(&head);
        let active = Active::new(&self.activity, visit);
        let snapshot = self.live.load();
        let sites = Arc::clone(&snapshot.sites);
        if connection.duty() != Duty::Serve {
            head.extensions.insert(Arc::clone(&snapshot.certificates));
        }
        drop(snapshot);
        self.live.counters().request();
        let counters = Arc::clone(self.live.counters());
        let admitted = active.account().is_none_or(|account| account.may_ask());
        Box::pin(async move {
            let mut response = if admitted {
                let call = pin!(service::call(connection, sites, head));
                counted(call, active.account()).await
            } else {
                service::refuse(&connection, head)
            };
            response.closes |= active.activity.is_closing();
            if response.closes {
                active.activity.close();
            }
            response.map(|body| Tracked { body, counters, active, waiting: None })
        })
    }
}

/// Counts an answer in the making from when it has to wait for something.
async fn counted<F: Future>(mut call: Pin<&mut F>, account: Option<&Arc<Account>>) -> F::Output {
    let mut waiting = None;
    poll_fn(|context| {
        let answer = call.as_mut().poll(context);
        if answer.is_pending() && waiting.is_none() {
            waiting = account.map(|account| account.wait(AWAITED_BYTES));
        }
        answer
    })
    .await
}

/// Counts a request among the active ones of its connection while it lives.
#[derive(Debug)]
struct Active {
    activity: Arc<Activity>,
    /// Where a proxy asks, the client for whom it does.
    visit: Option<Visit>,
}

impl Active {
    fn new(activity: &Arc<Activity>, visit: Option<Visit>) -> Self {
        activity.request();
        Self { activity: Arc::clone(activity), visit }
    }

    /// The account of the client.
    fn account(&self) -> Option<&Arc<Account>> {
        match &self.visit {
            None => self.activity.account(),
            Some(visit) => Some(visit.account()),
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.activity.answered();
    }
}

/// The content of an answer; its request is active until it has gone.
#[derive(Debug)]
pub(super) struct Tracked {
    body: Body,
    counters: Arc<Counters>,
    active: Active,
    waiting: Option<Waiting>,
}

impl Content for Tracked {
    fn send_to(&mut self, socket: BorrowedFd<'_>) -> Option<io::Result<usize>> {
        let sent = self.body.send_to(socket)?;
        if let Ok(count) = sent {
            self.counters.bytes(count);
        }
        Some(sent)
    }

    fn wait(&mut self, unsent: usize) -> bool {
        let Some(account) = self.active.account() else { return false };
        let waiting =
            self.waiting.get_or_insert_with(|| account.wait(ANSWER_BYTES + self.body.keep_words()));
        let (content, file) = self.body.holds();
        if content == 0 && !file || waiting.holds() {
            return false;
        }
        let content = content + if file { READ_AHEAD } else { 0 };
        if (!file || account.may_keep_a_file()) && waiting.hold(content) {
            return false;
        }
        self.body.release(unsent, Some(account))
    }
}

/// Bytes of a file that an answer has read ahead while it waits.
const READ_AHEAD: usize = 64 * 1024;

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            self.counters.bytes(data.map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
