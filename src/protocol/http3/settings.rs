//! SETTINGS (RFC 9114 §7.2.4): those of the client, which are checked, and our own.

use super::error_code::{ErrorCode, Fault};
use super::frames::{self, kind};
use super::unidirectional::stream_type;
use super::varint;
use crate::protocol::limits::{HEAD_BYTES, SETTINGS};

/// The parameters that mean something here (RFC 9114 §7.2.4.1).
mod setting {
    pub(super) const MAX_FIELD_SECTION_SIZE: u64 = 0x6;
    /// Extended CONNECT (RFC 9220 §3).
    pub(super) const ENABLE_CONNECT_PROTOCOL: u64 = 0x8;
    /// Datagrams (RFC 9297 §2.1.1).
    pub(super) const H3_DATAGRAM: u64 = 0x33;
    /// Those that only HTTP/2 has (RFC 9114 §11.2.2).
    pub(super) const OF_HTTP2: [u64; 5] = [0x0, 0x2, 0x3, 0x4, 0x5];
}

/// Checks the settings of the client. None of them says anything of what is sent: the dynamic table
/// that it offers is left empty.
pub(super) fn check(mut payload: &[u8]) -> Result<(), Fault> {
    let mut seen = Vec::new();
    while !payload.is_empty() {
        let cut_off = Fault::frame("SETTINGS that are cut off");
        let (parameter, rest) = varint::split(payload).ok_or(cut_off)?;
        let (value, rest) = varint::split(rest).ok_or(cut_off)?;
        payload = rest;
        if setting::OF_HTTP2.contains(&parameter) {
            return Err(wrong("a setting that only HTTP/2 has"));
        }
        let is_switch = [setting::ENABLE_CONNECT_PROTOCOL, setting::H3_DATAGRAM];
        if is_switch.contains(&parameter) && value > 1 {
            return Err(wrong("a setting that is neither 0 nor 1"));
        }
        if seen.contains(&parameter) {
            return Err(wrong("a setting that is there twice"));
        }
        if seen.len() == SETTINGS {
            return Err(Fault::flood("settings without end"));
        }
        seen.push(parameter);
    }
    Ok(())
}

fn wrong(what: &'static str) -> Fault {
    Fault::Connection(ErrorCode::SettingsError, what)
}

/// Begins our control stream: its type and settings (RFC 9114 §6.2.1). Of the dynamic table nothing
/// is said, so that it has no room and no stream has to wait (RFC 9204 §5).
pub fn greet(out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    varint::put(&mut payload, setting::MAX_FIELD_SECTION_SIZE);
    varint::put(&mut payload, HEAD_BYTES as u64);
    varint::put(out, stream_type::CONTROL);
    frames::put(out, kind::SETTINGS, &payload);
}
