//! The head of a request, as bytes: a client may send any.

use std::fmt;

use crate::pairs::Header;

/// What the proxy knows of a request by a path of names; `None` when it knows nothing under it.
pub type Properties<'h> = dyn Fn(&[String]) -> Option<Vec<u8>> + 'h;

/// The headers of a request as the proxy has them, pseudo-headers (`:path` …) included, and what else the proxy knows of it.
#[derive(Clone, Copy)]
pub struct RequestHead<'h> {
    headers: &'h [Header<'h>],
    properties: Option<&'h Properties<'h>>,
}

/// The parts of a request target (RFC 9110 §7.1), as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetParts<'h> {
    /// What stands before the query and the fragment.
    pub path: &'h [u8],
    /// What follows the first `?`, without the fragment; `None` when there is no `?`.
    pub query: Option<&'h [u8]>,
    /// The fragment with its `#`, which no client should send; else empty.
    pub fragment: &'h [u8],
}

impl<'h> RequestHead<'h> {
    /// A head of name and value pairs, of which the proxy knows nothing else.
    pub fn new(headers: &'h [Header<'h>]) -> Self {
        Self { headers, properties: None }
    }

    /// The same head, with a way to the proxy's properties.
    #[must_use]
    pub fn with_properties(self, properties: &'h Properties<'h>) -> Self {
        Self { properties: Some(properties), ..self }
    }

    /// What the proxy has under a property path, such as `["filter_state", "…"]`.
    pub fn property(self, path: &[String]) -> Option<Vec<u8>> {
        self.properties.and_then(|properties| properties(path))
    }

    /// Every copy of the header `name` (lower-case), in order.
    pub fn values(self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| &**value)
    }

    /// The method, as it was sent.
    pub fn method(self) -> Option<&'h [u8]> {
        self.values(":method").next()
    }

    /// The parts of the request target.
    pub fn target(self) -> Option<TargetParts<'h>> {
        let target = self.values(":path").next()?;
        let (before, fragment) = split_before(target, b'#');
        let (path, query) = split_before(before, b'?');
        Some(TargetParts { path, query: query.split_first().map(|(_, query)| query), fragment })
    }

    /// The request target without query and fragment.
    pub fn path(self) -> Option<&'h [u8]> {
        self.target().map(|target| target.path)
    }

    /// The query of the request target: what follows the first `?`, without a fragment; `None` when there is no `?`.
    pub fn query(self) -> Option<&'h [u8]> {
        self.target()?.query
    }

    /// The host that the request names (`:authority`, else `Host`; RFC 9110 §7.2): in lower case, without port and without one
    /// final dot; an IPv6 address keeps its brackets. `None` when there is none, or when it is not UTF-8.
    pub fn host(self) -> Option<String> {
        let authority = self.values(":authority").next().or_else(|| self.values("host").next())?;
        let authority = std::str::from_utf8(authority).ok()?;
        // Of an address in brackets, what follows the last colon ends with one.
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => authority,
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (!host.is_empty()).then_some(host)
    }

    /// Whether this is a gRPC request, which wants a gRPC answer.
    pub fn is_grpc(self) -> bool {
        self.values("content-type").any(|value| {
            value
                .strip_prefix(b"application/grpc")
                .is_some_and(|rest| rest.is_empty() || matches!(rest.first(), Some(b'+' | b';')))
        })
    }
}

/// Splits before the first `mark`; without one the second part is empty.
fn split_before(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == mark).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHead(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::Pairs;

    fn headers<'h, const N: usize>(headers: [(&'h str, &'h str); N]) -> Pairs<'h> {
        headers.map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).to_vec()
    }

    #[test]
    fn every_copy_of_a_header_is_seen() {
        let headers = headers([("a", "1"), ("b", "2"), ("A", "3")]);
        let values: Vec<_> = RequestHead::new(&headers).values("a").collect();
        assert_eq!(values, [b"1", b"3"]);
    }

    #[test]
    fn a_target_has_path_query_and_fragment() {
        for (target, path, query, fragment) in [
            ("/a?b=c?d", "/a", Some("b=c?d"), ""),
            ("/a?b#c?d", "/a", Some("b"), "#c?d"),
            ("/a#b?c", "/a", None, "#b?c"),
            ("/a", "/a", None, ""),
            ("/a?", "/a", Some(""), ""),
            ("?a", "", Some("a"), ""),
            ("*", "*", None, ""),
            ("", "", None, ""),
        ] {
            let headers = headers([(":path", target)]);
            let head = RequestHead::new(&headers);
            let (path, query, fragment) = (path.as_bytes(), query.map(str::as_bytes), fragment.as_bytes());
            assert_eq!(head.target(), Some(TargetParts { path, query, fragment }), "{target}");
            assert_eq!((head.path(), head.query()), (Some(path), query), "{target}");
        }
        let nothing = RequestHead::new(&[]);
        assert_eq!((nothing.target(), nothing.path(), nothing.query()), (None, None, None));
    }

    #[test]
    fn the_host_is_a_name_without_port() {
        for (authority, expected) in [
            ("api.example.com", Some("api.example.com")),
            ("API.Example.com:8443", Some("api.example.com")),
            ("api.example.com.", Some("api.example.com")),
            ("api.example.com.:80", Some("api.example.com")),
            ("api.example.com:", Some("api.example.com")),
            ("api.example.com..", Some("api.example.com.")),
            ("api.example.com:x", Some("api.example.com:x")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[2001:DB8::1]", Some("[2001:db8::1]")),
            ("[2001:db8::1]:443", Some("[2001:db8::1]")),
            ("", None),
            (".", None),
            (":80", None),
        ] {
            let authority = headers([(":authority", authority)]);
            assert_eq!(RequestHead::new(&authority).host().as_deref(), expected, "{authority:?}");
        }
        let both = headers([("host", "b"), (":authority", "a")]);
        assert_eq!(RequestHead::new(&both).host().as_deref(), Some("a"));
        let host = headers([("Host", "b:80")]);
        assert_eq!(RequestHead::new(&host).host().as_deref(), Some("b"));
        assert_eq!(RequestHead::new(&[]).host(), None);
        assert_eq!(RequestHead::new(&[(b"host".into(), b"\xff".into())]).host(), None);
    }

    #[test]
    fn properties_are_the_proxys() {
        let properties = |path: &[String]| (path == ["a", "b"]).then(|| b"value".to_vec());
        let head = RequestHead::new(&[]);
        let path = ["a".to_owned(), "b".to_owned()];
        assert_eq!(head.property(&path), None);
        let head = head.with_properties(&properties);
        assert_eq!(head.property(&path).as_deref(), Some(&b"value"[..]));
        assert_eq!(head.property(&path[..1]), None);
    }

    #[test]
    fn grpc_is_told_by_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let headers = headers([("content-type", value)]);
            assert_eq!(RequestHead::new(&headers).is_grpc(), expected, "{value}");
        }
    }
}
