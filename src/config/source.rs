//! Where a policy's token is: `header-name`, `query-parameter-name` or `token-value`, and `require-scheme`.

use super::{
    ConfigError,
    reader::{Members, Node, is_http_token},
};
use crate::extract::TokenSource;

/// The most names in the path of a property.
const MAX_PROPERTY_NAMES: usize = 16;

/// The token's source, and whether `require-scheme` stands beside one that it says nothing of.
///
/// `default_header` is the header of a policy that need not name a place: that is `validate-azure-ad-token`, which takes no
/// scheme but `Bearer`.
pub(super) fn read(
    node: &Node<'_>,
    members: &Members<'_>,
    default_header: Option<&str>,
) -> Result<(TokenSource, bool), ConfigError> {
    let scheme = members.read("require-scheme", |node| read_scheme(&node))?;
    let has_scheme = scheme.is_some();
    let scheme = scheme.or_else(|| default_header.map(|_| "Bearer".to_owned()));
    let places = ["header-name", "query-parameter-name", "token-value"];
    let source = match places.map(|place| members.get(place)) {
        [Some(header), None, None] => header_source(read_header(&header)?, scheme),
        [None, Some(parameter), None] => TokenSource::Query { name: parameter.text()?.to_owned() },
        [None, None, Some(value)] => read_token_value(&value)?,
        [None, None, None] => match default_header {
            Some(name) => header_source(name.to_ascii_lowercase(), scheme),
            None => {
                return Err(node.error(
                    "names no place for the token; add `header-name` (such as `Authorization`), `query-parameter-name` or \
                     `token-value`",
                ));
            }
        },
        several => {
            let mut named = places.iter().zip(several).filter_map(|(place, node)| node.map(|_| *place));
            return Err(node.error(format!(
                "has both `{}` and `{}`; name one place for the token",
                named.next().unwrap_or_default(),
                named.next().unwrap_or_default()
            )));
        }
    };
    let reads_scheme = matches!(source, TokenSource::Authorization { .. });
    Ok((source, has_scheme && !reads_scheme))
}

fn read_scheme(node: &Node<'_>) -> Result<String, ConfigError> {
    let scheme = node.text()?;
    if is_http_token(scheme) {
        return Ok(scheme.to_owned());
    }
    Err(node.error("is not the name of a scheme; expected one word, such as `Bearer`"))
}

/// The name of a header, in lower case.
fn read_header(node: &Node<'_>) -> Result<String, ConfigError> {
    let name = node.text()?;
    if !is_http_token(name) {
        return Err(node.error("is not the name of a header, such as `Authorization`"));
    }
    let name = name.to_ascii_lowercase();
    if name == "host" {
        return Err(node.error("cannot be `Host`, which names the server"));
    }
    Ok(name)
}

fn header_source(name: String, require_scheme: Option<String>) -> TokenSource {
    if name == "authorization" {
        TokenSource::Authorization { require_scheme }
    } else {
        TokenSource::Header { name }
    }
}

/// What stands for APIM's expression.
fn read_token_value(node: &Node<'_>) -> Result<TokenSource, ConfigError> {
    let members = node.members(&["cookie", "property"], &[])?;
    match (members.get("cookie"), members.get("property")) {
        (Some(cookie), None) => read_cookie(&cookie),
        (None, Some(property)) => read_property(&property),
        (Some(_), Some(_)) | (None, None) => {
            Err(node.error(r#"expected either `{ "cookie": "…" }` or `{ "property": [ "…" ] }`"#))
        }
    }
}

fn read_cookie(node: &Node<'_>) -> Result<TokenSource, ConfigError> {
    let name = node.text()?;
    if !is_http_token(name) {
        return Err(node.error("is not the name of a cookie, such as `access_token`"));
    }
    Ok(TokenSource::Cookie { name: name.to_owned() })
}

fn read_property(node: &Node<'_>) -> Result<TokenSource, ConfigError> {
    let names = node.list(r#"[ "filter_state", "…" ]"#)?;
    if names.len() > MAX_PROPERTY_NAMES {
        return Err(node.error(format!("has more than {MAX_PROPERTY_NAMES} names")));
    }
    let name = |node: &Node<'_>| {
        let name = node.text()?;
        // It is what stands between the names when the proxy is asked.
        if name.contains('\0') {
            return Err(node.error("has a NUL, which no name of a property has; remove it"));
        }
        Ok(name.to_owned())
    };
    Ok(TokenSource::Property { path: names.iter().map(name).collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn read_policy(text: &str, default_header: Option<&str>) -> Result<(TokenSource, bool), String> {
        let json = Json::parse(text.as_bytes()).unwrap();
        let node = Node::root(&json);
        let known = ["header-name", "query-parameter-name", "token-value", "require-scheme"];
        let members = node.members(&known, &[]).unwrap();
        read(&node, &members, default_header).map_err(|error| error.to_string())
    }

    fn authorization(scheme: Option<&str>) -> TokenSource {
        TokenSource::Authorization { require_scheme: scheme.map(str::to_owned) }
    }

    fn header(name: &str) -> TokenSource {
        TokenSource::Header { name: name.into() }
    }

    fn query(name: &str) -> TokenSource {
        TokenSource::Query { name: name.into() }
    }

    fn cookie(name: &str) -> TokenSource {
        TokenSource::Cookie { name: name.into() }
    }

    #[test]
    fn one_place_is_named_or_the_default() {
        let azure = Some("Authorization");
        let property = TokenSource::Property { path: vec!["filter_state".into(), "wasm.token".into()] };
        for (text, default_header, expected) in [
            (r#"{"header-name":"Authorization"}"#, None, authorization(None)),
            (
                r#"{"header-name":"AUTHORIZATION","require-scheme":"Token"}"#,
                None,
                authorization(Some("Token")),
            ),
            (r#"{"header-name":"X-Token"}"#, None, header("x-token")),
            (r#"{"query-parameter-name":"Access Token"}"#, None, query("Access Token")),
            (r#"{"token-value":{"cookie":"__Host-Token"}}"#, None, cookie("__Host-Token")),
            (r#"{"token-value":{"property":["filter_state","wasm.token"]}}"#, None, property),
            ("{}", azure, authorization(Some("Bearer"))),
            (r#"{"header-name":"authorization"}"#, azure, authorization(Some("Bearer"))),
            (r#"{"header-name":"X-Token"}"#, azure, header("x-token")),
            (r#"{"query-parameter-name":"t"}"#, azure, query("t")),
            (r#"{"token-value":{"cookie":"t"}}"#, azure, cookie("t")),
        ] {
            assert_eq!(read_policy(text, default_header), Ok((expected, false)), "{text}");
        }
        let sixteen = format!(r#"{{"token-value":{{"property":[{}]}}}}"#, [r#""a""#; 16].join(","));
        assert!(read_policy(&sixteen, None).is_ok());
    }

    #[test]
    fn a_scheme_beside_another_place_is_told() {
        for (text, source) in [
            (r#"{"header-name":"x","require-scheme":"Bearer"}"#, header("x")),
            (r#"{"query-parameter-name":"x","require-scheme":"Bearer"}"#, query("x")),
            (r#"{"token-value":{"cookie":"x"},"require-scheme":"Bearer"}"#, cookie("x")),
        ] {
            assert_eq!(read_policy(text, None), Ok((source, true)), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        let one_place = "name one place for the token";
        let either = r#"expected either `{ "cookie": "…" }` or `{ "property": [ "…" ] }`"#;
        let cases = [
            (
                "{}".to_owned(),
                "configuration: names no place for the token; add `header-name` (such as `Authorization`), \
                 `query-parameter-name` or `token-value`"
                    .to_owned(),
            ),
            (
                r#"{"header-name":"a","query-parameter-name":"b"}"#.into(),
                format!("configuration: has both `header-name` and `query-parameter-name`; {one_place}"),
            ),
            (
                r#"{"header-name":"a","query-parameter-name":"b","token-value":{"cookie":"c"}}"#.into(),
                format!("configuration: has both `header-name` and `query-parameter-name`; {one_place}"),
            ),
            (
                r#"{"query-parameter-name":"b","token-value":{"cookie":"c"}}"#.into(),
                format!("configuration: has both `query-parameter-name` and `token-value`; {one_place}"),
            ),
            (
                r#"{"header-name":"a b"}"#.into(),
                "header-name: is not the name of a header, such as `Authorization`".into(),
            ),
            (
                r#"{"header-name":":path"}"#.into(),
                "header-name: is not the name of a header, such as `Authorization`".into(),
            ),
            (
                r#"{"header-name":"Host"}"#.into(),
                "header-name: cannot be `Host`, which names the server".into(),
            ),
            (
                r#"{"header-name":"Authorization","require-scheme":"Bearer token"}"#.into(),
                "require-scheme: is not the name of a scheme; expected one word, such as `Bearer`".into(),
            ),
            (
                r#"{"query-parameter-name":""}"#.into(),
                "query-parameter-name: is an empty string; give a value or leave the member out".into(),
            ),
            (
                r#"{"token-value":"@(context.Variables)"}"#.into(),
                "token-value: is a string; expected an object with `cookie`, `property`".into(),
            ),
            (
                r#"{"token-value":{"coookie":"a"}}"#.into(),
                "token-value.coookie: unknown member; expected one of `cookie`, `property`".into(),
            ),
            (r#"{"token-value":{}}"#.into(), format!("token-value: {either}")),
            (r#"{"token-value":{"cookie":"a","property":["b"]}}"#.into(), format!("token-value: {either}")),
            (
                r#"{"token-value":{"cookie":"a;b"}}"#.into(),
                "token-value.cookie: is not the name of a cookie, such as `access_token`".into(),
            ),
            (
                r#"{"token-value":{"property":"a"}}"#.into(),
                "token-value.property: is a string; expected a list such as `[ \"filter_state\", \"…\" ]`"
                    .into(),
            ),
            (
                r#"{"token-value":{"property":[]}}"#.into(),
                "token-value.property: is an empty list; name at least one, or leave the member out".into(),
            ),
            (
                r#"{"token-value":{"property":["a",""]}}"#.into(),
                "token-value.property[1]: is an empty string; give a value or leave the member out".into(),
            ),
            (
                r#"{"token-value":{"property":["a\u0000b"]}}"#.into(),
                "token-value.property[0]: has a NUL, which no name of a property has; remove it".into(),
            ),
            (
                format!(r#"{{"token-value":{{"property":[{}]}}}}"#, [r#""a""#; 17].join(",")),
                "token-value.property: has more than 16 names".into(),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read_policy(&text, None), Err(expected), "{text}");
        }
    }
}
