//! Answers on their way out: as much of each is handed over as the client has room for.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Version};

use super::connection::Connection;
use super::exchange::{Exchange, ExchangeState, Outgoing, SendOutcome, is_busy, next};
use super::{ErrorCode, RequestHead, StreamTransport};
use crate::process::clock::Tick;
use crate::protocol::handler::Handler;
use crate::protocol::limits::KEPT_BYTES;
use crate::protocol::turn::TURN;
use crate::service::{Early, Refusal};

impl<H: Handler> Exchange<H> {
    /// Asks for the answer to a head that has come. If it is ready, which it mostly is, nothing of
    /// the request is kept until the next one has come. Breaks if the content has broken off already.
    pub(super) fn ask(
        &mut self,
        RequestHead { head, priority, wants_content }: RequestHead,
        is_busy: bool,
        handler: &H,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> ControlFlow<()> {
        self.progress = Tick::now();
        if priority != self.priority {
            self.priority = priority;
            transport.prioritize(self.id, priority);
        }
        let head = head.and_then(|mut head| {
            // RFC 8470 §5.2: what is done once may not be done again by a replay.
            match transport.is_early() {
                true if !matches!(head.method, Method::GET | Method::HEAD) => {
                    return Err(Refusal::Early);
                }
                true => drop(head.extensions.insert(Early)),
                false => {}
            }
            Ok(head)
        });
        match head {
            Ok(head) => {
                self.state = ExchangeState::Awaited(handler.answer(head));
                self.poll_answer(is_busy, context)
            }
            Err(refusal) => {
                let (outgoing, bytes) = Outgoing::refusal(refusal, wants_content);
                handler.refused(Version::HTTP_3, refusal.status(), bytes);
                self.state = ExchangeState::Sending(outgoing);
                ControlFlow::Continue(())
            }
        }
    }

    /// Looks whether an answer in the making is ready. Breaks if its content has broken off already.
    fn poll_answer(&mut self, is_busy: bool, context: &mut Context<'_>) -> ControlFlow<()> {
        let ExchangeState::Awaited(answer) = &mut self.state else {
            return ControlFlow::Continue(());
        };
        let Poll::Ready(response) = Pin::new(answer).poll(context) else {
            return ControlFlow::Continue(());
        };
        self.progress = Tick::now();
        match Outgoing::new(response, is_busy, context) {
            Some(outgoing) => {
                self.state = ExchangeState::Sending(outgoing);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

impl<H: Handler> Connection<H> {
    /// Asks for the answers that are in the making.
    pub(super) fn poll_answers(
        &mut self,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) {
        let mut broken = Vec::new();
        let is_busy = is_busy(&self.exchanges);
        for exchange in &mut self.exchanges {
            if exchange.poll_answer(is_busy, context).is_break() {
                broken.push(exchange.id);
            }
        }
        for id in broken {
            self.break_off(id, transport);
        }
    }

    /// The promise of an answer cannot be kept.
    pub(super) fn break_off(&mut self, id: u64, transport: &mut impl StreamTransport) {
        transport.reset(id, ErrorCode::InternalError);
        transport.stop(id, ErrorCode::InternalError);
        self.remove(id);
    }

    /// Hands over answers as long as there is room for them; `true` if the turn was over before.
    pub(super) fn produce(
        &mut self,
        transport: &mut impl StreamTransport,
        context: &mut Context<'_>,
    ) -> bool {
        for exchange in &mut self.exchanges {
            exchange.is_asked = false;
        }
        let mut sent = 0;
        while !self.is_full()
            && let Some(exchange) = next(&mut self.exchanges, self.turn)
        {
            let ExchangeState::Sending(outgoing) = &mut exchange.state else { return false };
            let id = exchange.id;
            if exchange.priority.incremental {
                self.turn = id;
            }
            let outcome = outgoing.step(id, transport, context);
            if let SendOutcome::Sent(count) | SendOutcome::Ended(count) = outcome {
                exchange.progress = Tick::now();
                exchange.handed += count;
                self.handed += count;
                self.budgets.give_content(count);
                self.sent += count as u64;
                sent += count;
            }
            match outcome {
                SendOutcome::Sent(_) => {}
                SendOutcome::Blocked => {
                    outgoing.wait();
                    exchange.is_blocked = true;
                }
                SendOutcome::Fetching => exchange.is_asked = true,
                SendOutcome::Ended(_) => {
                    if exchange.request.take().is_some() {
                        // RFC 9114 §4.1: the rest of the request is of no use.
                        transport.stop(id, ErrorCode::NoError);
                    }
                    exchange.state = ExchangeState::Sent;
                }
                SendOutcome::Broken => self.break_off(id, transport),
                SendOutcome::Stopped => drop(self.remove(id)),
            }
            if sent >= TURN {
                return true;
            }
        }
        false
    }

    /// True if the client has to acknowledge something before it is sent more, as it has much that
    /// it does not take on other connections.
    fn is_full(&self) -> bool {
        self.handed >= KEPT_BYTES && !self.handler.may_ask()
    }
}
