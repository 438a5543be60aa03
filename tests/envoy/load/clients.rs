//! The clients: what they send, and what must come of it.

use super::world::World;
use crate::support::authority::now;
use crate::support::claims::{in_force, with, with_wrong_signature};
use crate::support::http_client::{Connection, Request, Response};
use crate::support::upstream::MARK;
use serde_json::json;
use std::io;

/// What a request is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Good,
    WithoutToken,
    Garbage,
    Forged,
    Expired,
    OtherAudience,
    OtherIssuer,
    UnknownKey,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Good,
        Self::WithoutToken,
        Self::Garbage,
        Self::Forged,
        Self::Expired,
        Self::OtherAudience,
        Self::OtherIssuer,
        Self::UnknownKey,
    ];

    /// Of ten requests, one is bad.
    fn of(number: usize) -> Self {
        if number.is_multiple_of(10) { Self::ALL[1 + number / 10 % 7] } else { Self::Good }
    }

    /// What the statistics call it.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::Good => "Allowed",
            Self::WithoutToken => "TokenNotPresent",
            Self::Garbage => "JwtInvalid",
            Self::Forged => "TokenSignatureInvalid",
            Self::Expired => "TokenExpired",
            Self::OtherAudience => "TokenAudienceNotAllowed",
            Self::OtherIssuer => "TokenIssuerNotAllowed",
            Self::UnknownKey => "TokenSignatureKeyNotFound",
        }
    }

    fn is_answered_by(self, response: &Response) -> bool {
        let is_from_upstream = response.headers.get(MARK).is_some();
        (response.status, is_from_upstream) == if self == Self::Good { (200, true) } else { (401, false) }
    }

    /// Such a request; the number makes its token another than all others.
    pub(super) fn request(self, world: &World, listener: &str, number: usize) -> Request {
        let request = Request::get("/orders").keeps_connection();
        let authority = world.authority(listener);
        let claims =
            in_force(&json!({ "iss": authority.issuer, "aud": "api", "jti": format!("token-{number}") }));
        let token = match self {
            Self::WithoutToken => return request,
            Self::Garbage => format!("neither.this.nor-that-{number}"),
            Self::Good => authority.token(&claims),
            Self::Forged => with_wrong_signature(&authority.token(&claims)),
            Self::Expired => authority.token(&with(&claims, "exp", json!(now() - 600))),
            Self::OtherAudience => authority.token(&with(&claims, "aud", json!("other"))),
            Self::OtherIssuer => authority.token(&with(&claims, "iss", json!("https://evil.example"))),
            Self::UnknownKey => {
                let stranger = authority.key().clone().with_kid(format!("stranger-{number}"));
                stranger.sign(&json!({ "typ": "JWT" }), &claims).unwrap()
            }
        };
        world.watch(number, &token);
        request.bearer(&token)
    }
}

/// Sends requests for as long as there are any left to send.
pub(super) fn serve(world: &World) {
    let mut lines = super::LISTENERS.map(|listener| Line::new(world, listener));
    while let Some(number) = world.next() {
        let line = &mut lines[(number / 10 + number) % 2];
        line.send(Kind::of(number), number);
    }
}

/// One client's connection to a listener, which is opened again whenever that one closes it.
pub(super) struct Line<'w> {
    world: &'w World,
    listener: &'static str,
    connection: Option<Connection>,
}

impl<'w> Line<'w> {
    pub(super) fn new(world: &'w World, listener: &'static str) -> Self {
        Self { world, listener, connection: None }
    }

    /// Sends such a request, and notes an answer that is not as it should be.
    pub(super) fn send(&mut self, kind: Kind, number: usize) {
        let request = kind.request(self.world, self.listener, number);
        self.world.note(self.listener, kind);
        match self.exchange(&request) {
            Ok(response) if kind.is_answered_by(&response) => {}
            Ok(response) => {
                let text = response.text();
                self.world
                    .is_wrong(format!("{}: {kind:?} {number}: {} {text}", self.listener, response.status));
            }
            Err(error) => {
                self.world.is_wrong(format!("{}: {kind:?} {number}: no answer: {error}", self.listener));
            }
        }
    }

    /// A connection that was used before may have been closed while the request was on its way: then, as every client does, it
    /// tries another, once.
    fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        if let Some(connection) = self.connection.take() {
            match self.exchange_over(connection, request) {
                Err(error) if is_closed(&error) => self.world.note_second_attempt(self.listener),
                outcome => return outcome,
            }
        }
        let connection = Connection::open(self.world.envoy.address(self.listener))?;
        self.exchange_over(connection, request)
    }

    fn exchange_over(&mut self, mut connection: Connection, request: &Request) -> io::Result<Response> {
        connection.write(&request.to_bytes())?;
        let response = connection.read_response()?;
        if response.headers.text("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
