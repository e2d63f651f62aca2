//! The requests of a connection: each answered by the service, and counted while it lasts.

use std::future::{Future, ready};
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};
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

/// An answer in the making. What has to live until it is ready is in the box, and small enough for
/// the allocator to keep its memory for the next one: 1,032 bytes with the C library of GNU.
pub(super) struct PendingAnswer {
    call: Pin<Box<dyn Future<Output = Response> + Send>>,
    counters: Arc<Counters>,
    /// Nothing once the answer was given.
    active: Option<Active>,
    /// The place of the answer among those that wait for something.
    waiting: Option<Waiting>,
}

impl Future for PendingAnswer {
    type Output = Response<Tracked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Poll::Ready(mut response) = this.call.as_mut().poll(context) else {
            if this.waiting.is_none() {
                let account = this.active.as_ref().and_then(Active::account);
                this.waiting = account.map(|account| account.wait(AWAITED_BYTES));
            }
            return Poll::Pending;
        };
        this.waiting = None;
        let active = this.active.take().expect("a future is not polled again once it is ready");
        response.closes |= active.activity.is_closing();
        if response.closes {
            active.activity.close();
        }
        let counters = Arc::clone(&this.counters);
        Poll::Ready(response.map(|body| Tracked { body, counters, active, waiting: None }))
    }
}

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
    type Answer = PendingAnswer;

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
    fn answer(&self, mut head: Parts) -> PendingAnswer {
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
        let call: Pin<Box<dyn Future<Output = Response> + Send>> =
            if active.account().is_none_or(|account| account.may_ask()) {
                Box::pin(service::call(connection, sites, head))
            } else {
                Box::pin(ready(service::refuse(&connection, head)))
            };
        PendingAnswer { call, counters, active: Some(active), waiting: None }
    }
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
        if content == 0 && !file {
            return false;
        }
        let content = content + if file { READ_AHEAD } else { 0 };
        // Asked each time: when it last waited, it may have been for a file that was not open yet.
        let may_keep = !file || account.may_keep_a_file();
        if may_keep && (waiting.holds() || waiting.hold(content)) {
            return false;
        }
        waiting.let_go();
        self.body.release(unsent, Some(account))
    }
}

/// Bytes of a file that an answer has read ahead while it waits.
const READ_AHEAD: usize = 64 * 1024;

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        let frame = task::ready!(Pin::new(&mut self.body).poll_frame(context));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of what `make` returns.
    fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_answer_in_the_making_is_small() {
        /// The largest block that the allocator keeps aside when it is freed.
        const KEPT_ASIDE: usize = 1032;
        let size = size(service::call);
        assert!(size <= KEPT_ASIDE, "{size}");
    }
}
