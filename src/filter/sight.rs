//! How much of a request's head is read: all of it, or the one header that decides.
//!
//! One header is cheaper, the more so the more headers there are. But a proxy may show the first copy alone, and then a second one
//! would reach the backend unseen. So it is tried, once for each plugin and VM: a second copy is added to a request, and must show.
//! That is a request which is refused anyway: whoever changes the head of another makes the proxy choose its route anew.

use std::cell::Cell;

use super::host;
use crate::{pairs::Header, request::RequestHead};

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

impl Sight {
    /// The sight of a plugin that decides by `Authorization` alone, or not.
    pub(super) fn new(is_authorization_enough: bool) -> Self {
        Self(Cell::new(if is_authorization_enough { Width::Untried } else { Width::Head }))
    }

    /// Whether `Authorization` is all that is to be read.
    pub(super) fn is_narrow(&self) -> bool {
        self.0.get() == Width::Authorization
    }

    /// Tries what the proxy shows of a header that is there twice, if that is not known, on a request with these headers, which
    /// must not go on.
    pub(super) fn try_on(&self, headers: &[Header<'_>]) {
        let mut copies = RequestHead::new(headers).values(AUTHORIZATION);
        let (Width::Untried, Some(value), None) = (self.0.get(), copies.next(), copies.next()) else {
            return;
        };
        // Envoy puts no comma behind what is empty, and so nothing would be known. And nothing is written that no header may hold
        // (RFC 9110 §5.5), though it came so.
        if value.is_empty() || !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return;
        }
        self.0.set(Width::Head);
        if !host::add_header(AUTHORIZATION, COPY) {
            return;
        }
        let shown = host::request_header(AUTHORIZATION).ok().flatten();
        // For the access log. What takes the place of one copy may leave the other.
        let is_restored =
            host::remove_header(AUTHORIZATION.as_bytes()) && host::add_header(AUTHORIZATION, value);
        if is_restored && shown.is_some_and(|both| is_list(&both, value)) {
            self.0.set(Width::Authorization);
        }
    }
}

/// Whether these are both copies as one list (RFC 9110 §5.3).
fn is_list(both: &[u8], first: &[u8]) -> bool {
    both.strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(COPY))
        .is_some_and(|between| between.trim_ascii() == b",")
}
