//! A backend that answers with what it was sent.

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use std::io;
use tokio::net::TcpListener;

/// How much of an `Authorization` value is shown: enough to see that it came, too little to use.
const SHOWN: usize = 20;

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    axum::serve(listener, Router::new().fallback(echo)).await
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let answer = describe(&method, &uri, &headers);
    ([(CONTENT_TYPE, "application/json")], format!("{answer:#}\n"))
}

fn describe(method: &Method, uri: &Uri, headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let mut values: Vec<Value> =
            headers.get_all(name).iter().map(|value| json!(show(name, value))).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        shown.insert(name.to_string(), value);
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    json!({ "method": method.as_str(), "path": path, "headers": shown })
}

fn show(name: &HeaderName, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if name != AUTHORIZATION {
        return text.into_owned();
    }
    let start: String = text.chars().take(SHOWN).collect();
    let bytes = value.len();
    if start.len() == bytes { start } else { format!("{start}… ({bytes} bytes)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_the_request_but_not_the_token() {
        let mut headers = HeaderMap::new();
        headers.append("x-user", HeaderValue::from_static("a"));
        headers.append("x-user", HeaderValue::from_bytes(b"\xff").unwrap());
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
        let answer = describe(&Method::PUT, &Uri::from_static("/a/b?c=d"), &headers);
        assert_eq!(
            answer,
            json!({
                "method": "PUT",
                "path": "/a/b?c=d",
                "headers": {
                    "x-user": ["a", "\u{fffd}"],
                    "authorization": "Bearer eyJhbGciOiJSU… (36 bytes)",
                },
            })
        );
    }
}
