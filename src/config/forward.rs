//! `forward` of a policy's `options`: which claims the backend gets, in which headers.

use super::{
    ConfigError,
    reader::{Node, is_http_token},
};
use crate::forward::{ClaimFormat, ClaimHeader, Forward, is_same_header};

/// What HTTP itself and the proxy need (RFC 9110 §7.6.1, RFC 9113 §8.2.2).
const RESERVED: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The beginning of the names by which the proxy is told what to do.
const PROXYS_OWN: &str = "x-envoy-";

pub(super) fn read(node: &Node<'_>) -> Result<Forward, ConfigError> {
    let members = node.members(&["claims-to-headers", "payload-header", "remove-token"], &[])?;
    let mut headers = Headers::default();
    let claims = members
        .read("claims-to-headers", |node| {
            let claims = node.list(r#"[ { "claim": "oid", "header": "x-user-oid" } ]"#)?;
            claims.iter().map(|claim| read_claim(claim, &mut headers)).collect::<Result<_, _>>()
        })?
        .unwrap_or_default();
    let payload_header = members.read("payload-header", |node| headers.read(&node))?;
    let remove_token = members.read("remove-token", |node| node.flag())?.unwrap_or(false);
    Ok(Forward { claims, payload_header, remove_token })
}

fn read_claim(node: &Node<'_>, headers: &mut Headers) -> Result<ClaimHeader, ConfigError> {
    let members = node.members(&["claim", "header", "format"], &[])?;
    Ok(ClaimHeader {
        claim: members.require("claim")?.text()?.to_owned(),
        header: headers.read(&members.require("header")?)?,
        format: members.read("format", |node| read_format(&node))?.unwrap_or_default(),
    })
}

fn read_format(node: &Node<'_>) -> Result<ClaimFormat, ConfigError> {
    match node.text()? {
        "text" => Ok(ClaimFormat::Text),
        "json" => Ok(ClaimFormat::Json),
        "base64url" => Ok(ClaimFormat::Base64Url),
        _ => Err(node.error("is neither `text`, nor `json`, nor `base64url`")),
    }
}

/// The headers that were named so far, each with its place.
#[derive(Default)]
struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads the name of a header that is written to, in lower case; no header is written twice.
    fn read(&mut self, node: &Node<'_>) -> Result<String, ConfigError> {
        let name = node.text()?.to_ascii_lowercase();
        if name.starts_with(':') {
            return Err(
                node.error("is a pseudo-header, which makes the request; choose a name such as `x-user-oid`")
            );
        }
        if !is_http_token(&name) {
            return Err(node.error("is not the name of a header, such as `x-user-oid`"));
        }
        let is_proxys_own =
            name.get(..PROXYS_OWN.len()).is_some_and(|beginning| is_same_header(beginning, PROXYS_OWN));
        if is_proxys_own || RESERVED.iter().any(|reserved| is_same_header(reserved, &name)) {
            return Err(
                node.error("is a header that HTTP or the proxy needs; choose a name such as `x-user-oid`")
            );
        }
        if let Some((_, place)) = self.0.iter().find(|(known, _)| is_same_header(known, &name)) {
            return Err(node.error(format!(
                "is the header that `{place}` names (many backends take `-` and `_` for the same); choose another"
            )));
        }
        self.0.push((name.clone(), node.path().to_owned()));
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn read_forward(text: &str) -> Result<Forward, String> {
        let json = Json::parse(text.as_bytes()).unwrap();
        read(&Node::root(&json)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_word_is_read() {
        let claim = |claim: &str, header: &str, format| ClaimHeader {
            claim: claim.into(),
            header: header.into(),
            format,
        };
        let text = r#"{
            "claims-to-headers": [
                { "claim": "oid", "header": "X-User-OID" },
                { "claim": "http://schemas.example/roles", "header": "x-roles", "format": "text" },
                { "claim": "oid", "header": "x-oid", "format": "json" },
                { "claim": "name", "header": "x-name", "format": "base64url" }
            ],
            "payload-header": "X-Payload",
            "remove-token": true
        }"#;
        let expected = Forward {
            claims: vec![
                claim("oid", "x-user-oid", ClaimFormat::Text),
                claim("http://schemas.example/roles", "x-roles", ClaimFormat::Text),
                claim("oid", "x-oid", ClaimFormat::Json),
                claim("name", "x-name", ClaimFormat::Base64Url),
            ],
            payload_header: Some("x-payload".into()),
            remove_token: true,
        };
        assert_eq!(read_forward(text), Ok(expected));
        assert_eq!(read_forward("{}"), Ok(Forward::default()));
    }

    #[test]
    fn headers_that_are_not_the_filters_to_write_are_refused() {
        let needed = "is a header that HTTP or the proxy needs; choose a name such as `x-user-oid`";
        let pseudo = "is a pseudo-header, which makes the request; choose a name such as `x-user-oid`";
        let no_name = "is not the name of a header, such as `x-user-oid`";
        for (name, problem) in [
            (":path", pseudo),
            (":Authority", pseudo),
            ("Host", needed),
            ("content-length", needed),
            ("Content_Length", needed),
            ("transfer-encoding", needed),
            ("transfer_encoding", needed),
            ("connection", needed),
            ("te", needed),
            ("trailer", needed),
            ("upgrade", needed),
            ("keep-alive", needed),
            ("keep_alive", needed),
            ("proxy-connection", needed),
            ("x-envoy-internal", needed),
            ("X-Envoy-Original-Path", needed),
            ("x_envoy_internal", needed),
            ("x-envoy-", needed),
            ("a b", no_name),
            ("a:b", no_name),
            ("a\\r\\nb", no_name),
            ("ä", no_name),
        ] {
            let claim = format!(r#"{{"claims-to-headers":[{{"claim":"a","header":"{name}"}}]}}"#);
            assert_eq!(
                read_forward(&claim),
                Err(format!("claims-to-headers[0].header: {problem}")),
                "{name}"
            );
            let payload = format!(r#"{{"payload-header":"{name}"}}"#);
            assert_eq!(read_forward(&payload), Err(format!("payload-header: {problem}")), "{name}");
        }
        for name in ["x-envoyage", "x-forwarded-user", "trailers", "hosts"] {
            assert!(read_forward(&format!(r#"{{"payload-header":"{name}"}}"#)).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let twice = |place: &str| {
            format!(
                "is the header that `{place}` names (many backends take `-` and `_` for the same); choose another"
            )
        };
        let two = |one: &str, other: &str| {
            format!(
                r#"{{"claims-to-headers":[{{"claim":"a","header":"{one}"}},{{"claim":"b","header":"{other}"}}]}}"#
            )
        };
        let first = "claims-to-headers[0].header";
        let cases = [
            (
                "[]".to_owned(),
                "configuration: is an array; expected an object with `claims-to-headers`, `payload-header`, \
                 `remove-token`"
                    .to_owned(),
            ),
            (
                r#"{"headers":1}"#.into(),
                "headers: unknown member; expected one of `claims-to-headers`, `payload-header`, `remove-token`".into(),
            ),
            (
                r#"{"claims-to-headers":[]}"#.into(),
                "claims-to-headers: is an empty list; name at least one, or leave the member out".into(),
            ),
            (
                r#"{"claims-to-headers":[{"header":"a"}]}"#.into(),
                "claims-to-headers[0].claim: is missing; it is required".into(),
            ),
            (
                r#"{"claims-to-headers":[{"claim":"a"}]}"#.into(),
                "claims-to-headers[0].header: is missing; it is required".into(),
            ),
            (
                r#"{"claims-to-headers":[{"claim":"a","header":"b","format":"base64"}]}"#.into(),
                "claims-to-headers[0].format: is neither `text`, nor `json`, nor `base64url`".into(),
            ),
            (
                r#"{"remove-token":"yes"}"#.into(),
                "remove-token: is a string; expected true or false".into(),
            ),
            (two("x-a", "X-A"), format!("claims-to-headers[1].header: {}", twice(first))),
            (two("x_a", "x-a"), format!("claims-to-headers[1].header: {}", twice(first))),
            (
                r#"{"claims-to-headers":[{"claim":"a","header":"x-a"}],"payload-header":"x_a"}"#.into(),
                format!("payload-header: {}", twice(first)),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read_forward(&text), Err(expected), "{text}");
        }
        assert!(read_forward(&two("x-a", "xa")).is_ok());
    }
}
