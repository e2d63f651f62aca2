//! Answers on their way out: as much of each is handed over as the client has room for.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::connection::Connection;
use super::exchange::{ExchangeState, Outgoing, SendOutcome, is_busy, next};
use super::{ErrorCode, StreamTransport};
use crate::process::clock::Tick;
use crate::protocol::handler::Handler;
use crate::protocol::limits::KEPT_BYTES;
use crate::protocol::turn::TURN;

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
            let ExchangeState::Awaited(answer) = &mut exchange.state else { continue };
            if let Poll::Ready(response) = Pin::new(answer).poll(context) {
                exchange.progress = Tick::now();
                match Outgoing::new(response, is_busy, context) {
                    Some(outgoing) => exchange.state = ExchangeState::Sending(outgoing),
                    None => broken.push(exchange.id),
                }
            }
        }
        for id in broken {
            self.break_off(id, transport);
        }
    }

    /// The promise of an answer cannot be kept.
    fn break_off(&mut self, id: u64, transport: &mut impl StreamTransport) {
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
