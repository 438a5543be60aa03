//! How much of a request's head is read: all of it, or the one header that decides.
//!
//! One header is cheaper, the more so the more headers there are. But a proxy may show the first copy alone, and then a second one
//! would reach the backend unseen. So it is tried, once for each plugin and VM, on a request that has the header: a second copy is
//! added, and must show; then the first one is put back.

use std::cell::Cell;

use super::host;
use crate::{
    pairs::{self, Header},
    request::RequestHead,
};

/// The header that may be read alone.
pub(super) const AUTHORIZATION: &str = "authorization";

/// What the second copy holds. It is no credential, for a proxy that would keep it.
const COPY: &[u8] = b"copy";

/// How much of the head of a plugin's requests is read.
#[derive(Debug)]
pub(super) struct Sight(Cell<Width>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// All headers, as the configuration wants it, or since the proxy does not show the copies of one.
    Head,
    /// All headers, until it is known what the proxy shows of one.
    Untried,
    /// `Authorization` alone.
    Authorization,
}

/// A proxy did not take back what was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spoilt;

impl Sight {
    /// The sight of a plugin that decides by `Authorization` alone, or not.
    pub(super) fn new(is_authorization_enough: bool) -> Self {
        Self(Cell::new(if is_authorization_enough { Width::Untried } else { Width::Head }))
    }

    /// Whether `Authorization` is all that is to be read.
    pub(super) fn is_narrow(&self) -> bool {
        self.0.get() == Width::Authorization
    }

    /// Tries what the proxy shows of a header that is there twice, if that is not known, on a request with these headers. It has
    /// the same ones afterwards; a request of which that cannot be said must not go on.
    pub(super) fn try_on(&self, headers: &[Header<'_>]) -> Result<(), Spoilt> {
        let mut copies = RequestHead::new(headers).values(AUTHORIZATION);
        let (Width::Untried, Some(value), None) = (self.0.get(), copies.next(), copies.next()) else {
            return Ok(());
        };
        self.0.set(Width::Head);
        if !host::add_header(AUTHORIZATION, COPY) {
            return Ok(());
        }
        let shown = host::request_header(AUTHORIZATION).ok().flatten();
        // What takes the place of one copy may leave the other.
        let is_restored = (host::replace_header(AUTHORIZATION, value) && is_only(value))
            || (host::remove_header(AUTHORIZATION.as_bytes())
                && host::add_header(AUTHORIZATION, value)
                && is_only(value));
        if !is_restored {
            return Err(Spoilt);
        }
        if shown.is_some_and(|both| is_list(&both, value)) {
            self.0.set(Width::Authorization);
        }
        Ok(())
    }
}

/// Whether the request has this header once, with this value.
fn is_only(value: &[u8]) -> bool {
    let bytes = host::request_headers();
    let headers = bytes.as_deref().and_then(pairs::parse).unwrap_or_default();
    RequestHead::new(&headers).values(AUTHORIZATION).eq([value])
}

/// Whether these are both copies as one list (RFC 9110 §5.3).
fn is_list(both: &[u8], first: &[u8]) -> bool {
    both.strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(COPY))
        .is_some_and(|between| between.trim_ascii() == b",")
}
