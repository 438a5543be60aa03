//! The head of a request, as bytes: a client may send any.

use std::fmt;

/// The headers of a request as the proxy has them, pseudo-headers (`:path` …) included.
#[derive(Clone, Copy)]
pub struct RequestHead<'h> {
    headers: &'h [(Vec<u8>, Vec<u8>)],
}

impl<'h> RequestHead<'h> {
    /// A head of name and value pairs.
    pub fn new(headers: &'h [(Vec<u8>, Vec<u8>)]) -> Self {
        Self { headers }
    }

    /// Every copy of the header `name` (lower-case), in order.
    pub fn values(self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// The query of the request target: what follows the first `?`, without a fragment; `None` when there is no `?`.
    pub fn query(self) -> Option<&'h [u8]> {
        let target = self.values(":path").next()?;
        let target = target.split(|byte| *byte == b'#').next()?;
        let start = target.iter().position(|byte| *byte == b'?')?;
        target.get(start.saturating_add(1)..)
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

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHead(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_of_a_header_is_seen() {
        let headers = [("a", "1"), ("b", "2"), ("A", "3")].map(|(name, value)| (name.into(), value.into()));
        let values: Vec<_> = RequestHead::new(&headers).values("a").collect();
        assert_eq!(values, [b"1", b"3"]);
    }

    #[test]
    fn the_query_is_between_question_mark_and_fragment() {
        let query = |target: &str| {
            let headers = [(b":path".to_vec(), target.as_bytes().to_vec())];
            RequestHead::new(&headers).query().map(|query| String::from_utf8_lossy(query).into_owned())
        };
        assert_eq!(query("/a?b=c?d"), Some("b=c?d".into()));
        assert_eq!(query("/a?b#c?d"), Some("b".into()));
        assert_eq!(query("/a#b?c"), None);
        assert_eq!(query("/a"), None);
        assert_eq!(RequestHead::new(&[]).query(), None);
    }

    #[test]
    fn grpc_is_told_by_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let headers = [(b"content-type".to_vec(), value.as_bytes().to_vec())];
            assert_eq!(RequestHead::new(&headers).is_grpc(), expected, "{value}");
        }
    }
}
