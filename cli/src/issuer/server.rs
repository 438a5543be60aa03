//! The issuer behind HTTP.

use super::{Issuer, Mint};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Longest accepted body of `POST /mint`.
const MAX_BODY_BYTES: usize = 65536;

const MINT_HELP: &str = r#"POST /mint takes a JSON object:
  { "shape": "entra-v2" | "entra-v1" | "b2c" | "external-id" | "plain",
    "claims": { "<name>": <value, or null to leave it out> },
    "header": { "<name>": <value, or null to leave it out> },
    "expires-in": <seconds; negative for a token that has expired>,
    "tenant": "<GUID>",
    "host": "<of the shape plain>" }
Only "shape" is needed. The answer is the token.
"#;

const INDEX: &str = "A local OpenID issuer. The Host header says which provider is asked:
  login.microsoftonline.com  Microsoft Entra ID
  <name>.b2clogin.com        Azure AD B2C
  <name>.ciamlogin.com       Microsoft Entra External ID
  any other                  a plain provider whose issuer is http://<host>

";

/// Serves documents and mints tokens until the future is dropped.
pub async fn serve(listener: TcpListener, issuer: Arc<Issuer>) -> io::Result<()> {
    let router = Router::new()
        .route("/mint", post(mint).fallback(mint_method))
        .fallback(document)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(issuer);
    axum::serve(listener, router).await
}

async fn document(
    State(issuer): State<Arc<Issuer>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let text = "only GET is served here; tokens come from POST /mint\n";
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], text).into_response();
    }
    let host = match host(&uri, &headers) {
        Ok(host) => host,
        Err(refusal) => return refusal.into_response(),
    };
    if uri.path() == "/" {
        return format!("{INDEX}{MINT_HELP}").into_response();
    }
    match issuer.document(host, uri.path(), uri.query()) {
        Ok(document) => {
            let headers =
                [(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
            (headers, document.to_string()).into_response()
        }
        Err(error) => (StatusCode::NOT_FOUND, error.to_string()).into_response(),
    }
}

async fn mint(
    State(issuer): State<Arc<Issuer>>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let text = format!("{rejection}; a body may have {MAX_BODY_BYTES} bytes\n");
            return (rejection.status(), text).into_response();
        }
    };
    let wish: Mint = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => {
            return (StatusCode::BAD_REQUEST, format!("{error}\n\n{MINT_HELP}")).into_response();
        }
    };
    let host = match host(&uri, &headers) {
        Ok(host) => host,
        Err(refusal) => return refusal.into_response(),
    };
    match issuer.mint(&wish.default_host(host)) {
        Ok(token) => ([(CACHE_CONTROL, "no-store")], token).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn mint_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], MINT_HELP).into_response()
}

/// The host that is asked; it goes into documents, so it must look like one.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, (StatusCode, &'static str)> {
    let from_header = || headers.get(HOST).and_then(|value| value.to_str().ok());
    uri.authority()
        .map(Authority::as_str)
        .or_else(from_header)
        .filter(|host| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        })
        .ok_or((StatusCode::BAD_REQUEST, "the Host header must name a host, with or without a port\n"))
}
