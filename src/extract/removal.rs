//! Taking tokens out of a request (`forward.remove-token`).

use super::{TokenSource, name_and_value, pieces, trim};
use crate::{
    edit::Edit,
    percent,
    request::{RequestHead, TargetParts},
};

/// What takes the tokens of these sources out of a request, and nothing else: the header, the one cookie, the one parameter.
///
/// All sources at once, since two may be in one header: cookies, or parameters of one query. A source that is not in the
/// request needs no edit; a property has none, for it is not sent.
pub fn remove_tokens<'s>(
    sources: impl IntoIterator<Item = &'s TokenSource>,
    head: RequestHead<'_>,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut parameters, mut cookies) = (Vec::new(), Vec::new());
    for source in sources {
        match source {
            TokenSource::Authorization { .. } => remove_header("authorization", head, &mut edits),
            TokenSource::Header { name } => remove_header(name, head, &mut edits),
            TokenSource::Query { name } => parameters.push(name.as_bytes()),
            TokenSource::Cookie { name } => cookies.push(name.as_bytes()),
            TokenSource::Property { .. } => {}
        }
    }
    edits.extend(without_cookies(&cookies, head));
    edits.extend(without_parameters(&parameters, head));
    edits
}

fn remove_header(name: &str, head: RequestHead<'_>, edits: &mut Vec<Edit>) {
    let edit = Edit::Remove(name.to_owned());
    if head.values(name).next().is_some() && !edits.contains(&edit) {
        edits.push(edit);
    }
}

/// The other cookies, in one header: HTTP/1 and HTTP/2 both take them so (RFC 9113 §8.2.3).
fn without_cookies(names: &[&[u8]], head: RequestHead<'_>) -> Option<Edit> {
    let cookies = || head.values("cookie").flat_map(pieces::<b';'>).map(trim);
    let is_token = |cookie: &&[u8]| names.contains(&trim(name_and_value(cookie).0));
    if !cookies().any(|cookie| is_token(&cookie)) {
        return None;
    }
    let rest: Vec<_> = cookies().filter(|cookie| !cookie.is_empty() && !is_token(cookie)).collect();
    let name = "cookie".to_owned();
    Some(if rest.is_empty() { Edit::Remove(name) } else { Edit::Set(name, rest.join(&b"; "[..])) })
}

/// The target with the other parameters byte for byte, and no separator that separates nothing.
fn without_parameters(names: &[&[u8]], head: RequestHead<'_>) -> Option<Edit> {
    let TargetParts { path, query, fragment } = head.target()?;
    let parameters = || query.into_iter().flat_map(pieces::<b'&'>);
    let is_token = |parameter: &&[u8]| names.contains(&&*percent::decode(name_and_value(parameter).0));
    if !parameters().any(|parameter| is_token(&parameter)) {
        return None;
    }
    let rest: Vec<_> =
        parameters().filter(|parameter| !parameter.is_empty() && !is_token(parameter)).collect();
    let mark: &[u8] = if rest.is_empty() { b"" } else { b"?" };
    Some(Edit::Set(":path".to_owned(), [path, mark, &rest.join(&b'&'), fragment].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remove(sources: &[TokenSource], headers: &[(&str, &str)]) -> Vec<Edit> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
        remove_tokens(sources, RequestHead::new(&headers))
    }

    fn query(name: &str) -> TokenSource {
        TokenSource::Query { name: name.into() }
    }

    fn cookie(name: &str) -> TokenSource {
        TokenSource::Cookie { name: name.into() }
    }

    fn set(name: &str, value: &str) -> Vec<Edit> {
        vec![Edit::Set(name.into(), value.into())]
    }

    #[test]
    fn a_header_goes_when_it_is_there() {
        let authorization = TokenSource::Authorization { require_scheme: None };
        let other = TokenSource::Header { name: "x-token".into() };
        let headers = [("Authorization", "Bearer a"), ("X-Token", "a"), ("x", "y")];
        for (source, expected) in [(&authorization, "authorization"), (&other, "x-token")] {
            let alone = std::slice::from_ref(source);
            assert_eq!(remove(alone, &headers), [Edit::Remove(expected.into())]);
            assert_eq!(remove(&[source.clone(), source.clone()], &headers).len(), 1, "once");
            assert_eq!(remove(alone, &[("x", "y")]), []);
        }
        assert_eq!(remove(&[TokenSource::Property { path: vec!["x".into()] }], &headers), []);
    }

    #[test]
    fn a_parameter_goes_and_the_others_stay_byte_for_byte() {
        for (target, expected) in [
            ("/a?t=x", "/a"),
            ("/a?t", "/a"),
            ("/a?t=x&t=y", "/a"),
            ("/a?%74=x", "/a"),
            ("/a?t=x&", "/a"),
            ("/a?&t=x", "/a"),
            ("/a?t=x&b=%2f+%zz", "/a?b=%2f+%zz"),
            ("/a?b=1&t=x", "/a?b=1"),
            ("/a?b=1&t=x&c=2", "/a?b=1&c=2"),
            ("/a?b=1&T=2&t=x&tt=3&b", "/a?b=1&T=2&tt=3&b"),
            ("/a?b=t=x&t=a=b", "/a?b=t=x"),
            ("/%74?b=1&t=x#t=y", "/%74?b=1#t=y"),
            ("/a?t=x#f", "/a#f"),
            ("/a?b=?t&t=x", "/a?b=?t"),
        ] {
            assert_eq!(remove(&[query("t")], &[(":path", target)]), set(":path", expected), "{target}");
        }
        for target in ["/a", "/a?", "/a?&&", "/a?b=1&&", "/t=x", "/a#?t=x", "/a?T=x"] {
            assert_eq!(remove(&[query("t")], &[(":path", target)]), [], "{target}");
        }
        assert_eq!(remove(&[query("t")], &[]), []);
        let two = [query("t"), query("u v")];
        assert_eq!(remove(&two, &[(":path", "/?t=1&a=2&u%20v=3")]), set(":path", "/?a=2"), "two sources");
    }

    #[test]
    fn a_cookie_goes_and_the_others_stay_in_one_header() {
        for (cookies, expected) in [
            (&["a=1; t=x; b=2"][..], Some("a=1; b=2")),
            (&["t=x; a=1"], Some("a=1")),
            (&["a=1", "t=x", "b=2;c=3"], Some("a=1; b=2; c=3")),
            (&["t=x;t=y", "a=\"1 2\"; T=1; tt=2; "], Some("a=\"1 2\"; T=1; tt=2")),
            (&["a=t=x; t =x; b"], Some("a=t=x; b")),
            (&["t=x"], None),
            (&["t=x", "t"], None),
            (&["; t=x ;"], None),
        ] {
            let headers: Vec<_> = cookies.iter().map(|value| ("Cookie", *value)).collect();
            let expected = expected
                .map_or_else(|| vec![Edit::Remove("cookie".into())], |expected| set("cookie", expected));
            assert_eq!(remove(&[cookie("t")], &headers), expected, "{cookies:?}");
        }
        for cookies in ["", "a=1; b=2", "T=x", "a=t"] {
            assert_eq!(remove(&[cookie("t")], &[("cookie", cookies)]), [], "{cookies}");
        }
        assert_eq!(
            remove(&[cookie("t"), cookie("u")], &[("cookie", "t=1; a=2; u=3")]),
            set("cookie", "a=2"),
            "two sources"
        );
    }
}
