//! Requests: how tests send them and what they ask about them.

use super::abi::Pairs;
use super::state::{Outcome, Reply, Stream};
use super::{Host, RootId, START};
use std::time::Duration;

/// A request, by its context id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) u32);

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    headers: Pairs,
    ends: bool,
    watched: bool,
}

impl Request {
    /// A GET for that path.
    pub(crate) fn get(path: &str) -> Self {
        let headers =
            [(":method", "GET"), (":path", path), (":authority", "api.contoso.com"), (":scheme", "https")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { headers, ends: true, watched: true }
    }

    /// A GET for `/orders` with that token.
    pub(crate) fn with_token(token: &str) -> Self {
        Self::get("/orders").bearer(token)
    }

    /// The same as a POST whose body is still to come.
    pub(crate) fn post(mut self) -> Self {
        self.headers[0].1 = b"POST".to_vec();
        self.ends = false;
        self
    }

    /// The same as a gRPC call.
    pub(crate) fn grpc(self) -> Self {
        self.post().header("content-type", "application/grpc").header("te", "trailers")
    }

    /// The same, whose token is not searched for when the test ends: the pieces of tens of thousands are too many.
    pub(crate) fn unwatched(mut self) -> Self {
        self.watched = false;
        self
    }

    /// `authorization: Bearer …`
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Another value of a pseudo-header.
    pub(crate) fn with_pseudo(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.iter_mut().find(|(each, _)| each == name).unwrap().1 = value.to_vec();
        self
    }

    /// One header more, and a copy for itself, as proxies keep it that do not join copies of `authorization`.
    pub(crate) fn copy(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// One header more. Envoy keeps one `authorization` only, and joins a second one to it.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = name.to_ascii_lowercase();
        let value = value.as_ref();
        let present = self.headers.iter_mut().find(|(each, _)| *each == name && name == "authorization");
        if let Some((_, joined)) = present {
            joined.push(b',');
            joined.extend(value);
        } else {
            self.headers.push((name, value.to_vec()));
        }
        self
    }
}

impl Host {
    /// A request arrives at the first plugin.
    pub(crate) fn request(&mut self, request: Request) -> StreamId {
        self.request_at(RootId::FIRST, request)
    }

    /// A request arrives at a plugin.
    pub(crate) fn request_at(&mut self, root: RootId, request: Request) -> StreamId {
        let root = root.0;
        let id = self.next_context;
        self.next_context += 1;
        if request.watched {
            self.secrets.add_request(&request.headers);
        }
        let count = u32::try_from(request.headers.len()).unwrap();
        let stream = Stream {
            root,
            original: request.headers.clone(),
            headers: request.headers,
            readable: true,
            outcome: Outcome::Paused,
            replying: false,
            body: Vec::new(),
            decided_at: None,
        };
        self.store.data_mut().streams.insert(id, stream);
        self.call::<_, ()>("proxy_on_context_create", id, (id, root));
        let action =
            self.call::<_, u32>("proxy_on_request_headers", id, (id, count, u32::from(request.ends)));
        let state = self.store.data_mut();
        let stream = state.streams.get_mut(&id).unwrap();
        // «Continue» after a local reply is still that reply.
        if action == Some(0) && !stream.replying {
            stream.readable = false;
            stream.outcome = Outcome::Continued;
            stream.decided_at = Some(state.now);
        }
        self.after_call();
        StreamId(id)
    }

    /// A piece of the body arrives although the headers may be paused, as with `allow_on_headers_stop_iteration`.
    /// Gives whether the filter lets it pass.
    pub(crate) fn body(&mut self, stream: StreamId, bytes: &[u8], ends: bool) -> bool {
        let id = stream.0;
        let body = &mut self.store.data_mut().streams.get_mut(&id).unwrap().body;
        body.extend(bytes);
        let length = u32::try_from(body.len()).unwrap();
        self.call::<_, u32>("proxy_on_request_body", id, (id, length, u32::from(ends))) == Some(0)
    }

    /// Trailers arrive; gives whether the filter lets them pass.
    pub(crate) fn trailers(&mut self, stream: StreamId) -> bool {
        self.call::<_, u32>("proxy_on_request_trailers", stream.0, (stream.0, 1_u32)) == Some(0)
    }

    /// The request ends: it was served, or the client left.
    pub(crate) fn close(&mut self, stream: StreamId) {
        let id = stream.0;
        let Some(held) = self.store.data_mut().streams.get_mut(&id) else { return };
        held.readable = false;
        if matches!(held.outcome, Outcome::Paused) {
            held.outcome = Outcome::Left;
        }
        self.call::<_, ()>("proxy_on_log", id, id);
        self.call::<_, u32>("proxy_on_done", id, id);
        self.call::<_, ()>("proxy_on_delete", id, id);
        let state = self.store.data_mut();
        if let Some(stream) = state.streams.remove(&id) {
            state.finished.insert(id, stream);
        }
    }

    fn stream(&self, stream: StreamId) -> &Stream {
        let state = self.store.data();
        state.streams.get(&stream.0).or_else(|| state.finished.get(&stream.0)).unwrap()
    }

    /// What became of a request so far.
    pub(crate) fn outcome(&self, stream: StreamId) -> &Outcome {
        &self.stream(stream).outcome
    }

    /// The same for a request that has ended, of which the host then knows no more.
    pub(crate) fn take_outcome(&mut self, stream: StreamId) -> Outcome {
        self.store.data_mut().finished.remove(&stream.0).unwrap().outcome
    }

    /// How many requests have a context in the module.
    pub(crate) fn open_requests(&self) -> usize {
        self.store.data().streams.len()
    }

    /// Whether a request is held.
    pub(crate) fn is_paused(&self, stream: StreamId) -> bool {
        matches!(self.outcome(stream), Outcome::Paused)
    }

    /// When a request was decided, since the test began.
    pub(crate) fn decided_after(&self, stream: StreamId) -> Duration {
        self.stream(stream).decided_at.expect("the request is decided") - START
    }

    /// The request must have been let through, with its headers as they were.
    #[track_caller]
    pub(crate) fn assert_allowed(&self, stream: StreamId) {
        let held = self.stream(stream);
        assert!(
            matches!(held.outcome, Outcome::Continued),
            "{}: expected the request to pass, but: {:?}\ntrap: {:?}\nlog: {:#?}",
            self.about,
            held.outcome,
            self.trap,
            self.log()
        );
        assert_eq!(held.headers, held.original, "{}: the headers were changed", self.about);
    }

    /// The request must be waiting.
    #[track_caller]
    pub(crate) fn assert_paused(&self, stream: StreamId) {
        let outcome = self.outcome(stream);
        assert!(self.is_paused(stream), "{}: expected the request to wait, but: {outcome:?}", self.about);
    }

    /// The request must have been answered with that status for that reason; gives the answer.
    #[track_caller]
    pub(crate) fn assert_refused(&self, stream: StreamId, status: u32, reason: &str) -> Reply {
        self.assert_refused_for_one_of(stream, status, &[reason])
    }

    /// The request must have been answered with that status for one of those reasons; gives the answer.
    #[track_caller]
    pub(crate) fn assert_refused_for_one_of(&self, stream: StreamId, status: u32, reasons: &[&str]) -> Reply {
        let reply = self.reply(stream);
        let reason = reply.reason();
        assert!(
            reply.status == status && reasons.contains(&reason),
            "{}: expected {status} {reasons:?}, but: {reply:?}\nlog: {:#?}",
            self.about,
            self.log()
        );
        reply.clone()
    }

    /// The answer to a request that must have been answered.
    #[track_caller]
    pub(crate) fn reply(&self, stream: StreamId) -> &Reply {
        let Outcome::Replied(reply) = self.outcome(stream) else {
            panic!(
                "{}: expected an answer, but: {:?}\ntrap: {:?}\nlog: {:#?}",
                self.about,
                self.outcome(stream),
                self.trap,
                self.log()
            );
        };
        reply
    }
}

impl Reply {
    /// The reason in the response code details, which must have the form `validate_jwt{Reason}`.
    #[track_caller]
    pub(crate) fn reason(&self) -> &str {
        let reason = self.details.strip_prefix("validate_jwt{").and_then(|rest| rest.strip_suffix('}'));
        reason.unwrap_or_else(|| panic!("the details are {:?}", self.details))
    }

    /// The value of the only header of that name.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut values = self.headers.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| String::from_utf8(value.clone()).unwrap());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
