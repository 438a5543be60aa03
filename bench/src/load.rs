//! The load: a few connections that stay open, each with one request at a time and a token of its own in each.

use crate::{clock, http::Message};
use anyhow::{Context as _, Result, anyhow, bail};
use std::{
    io::{BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// How long an answer may take: longer than anything but a dead Envoy, also one that is watched by a tool.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a burst of requests took.
#[derive(Debug)]
pub(crate) struct Burst {
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    /// Of each request, the shortest first.
    pub(crate) latencies: Vec<Duration>,
}

/// Connections to one listener.
#[derive(Debug)]
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// Opens so many connections.
    pub(crate) fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        (0..count).map(|_| Client::connect(address)).collect::<Result<_>>().map(Self)
    }

    /// Sends a request for each token, as fast as the answers come. An answer that is not 200 is an error.
    pub(crate) fn drive(&mut self, path: &str, tokens: &[&str]) -> Result<Burst> {
        let share = tokens.len().div_ceil(self.0.len().max(1)).max(1);
        let start = clock::instant();
        let latencies = thread::scope(|scope| {
            let parts: Vec<_> = (self.0.iter_mut().zip(tokens.chunks(share)))
                .map(|(client, tokens)| scope.spawn(move || client.drive(path, tokens)))
                .collect();
            let mut latencies = Vec::with_capacity(tokens.len());
            for part in parts {
                latencies.extend(part.join().map_err(|_| anyhow!("a thread of the load has died"))??);
            }
            anyhow::Ok(latencies)
        });
        let elapsed = start.elapsed();
        let mut latencies = latencies?;
        latencies.sort_unstable();
        Ok(Burst { requests: tokens.len(), elapsed, latencies })
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    from: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let from = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, from })
    }

    /// The status of the answer to a request with this token.
    pub(crate) fn ask(&mut self, path: &str, token: &str) -> Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: api.contoso.com\r\nuser-agent: bench\r\naccept: */*\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes())?;
        let answer = Message::read(&mut self.from)?.context("the connection was closed")?;
        answer.status().context("an answer without a status")
    }

    fn drive(&mut self, path: &str, tokens: &[&str]) -> Result<Vec<Duration>> {
        let timed = tokens.iter().map(|token| {
            let start = clock::instant();
            match self.ask(path, token)? {
                200 => Ok(start.elapsed()),
                status => bail!("a good token was answered {status}"),
            }
        });
        timed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn every_token_is_sent_once_and_any_other_status_is_an_error() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let address = http::serve(move |request| {
            let token = request.authorization.clone().unwrap();
            sender.send(token.clone()).unwrap();
            (if token.ends_with("bad") { 401 } else { 200 }, String::new())
        });
        let mut clients = Clients::connect(address.unwrap(), 3).unwrap();
        let burst = clients.drive("/", &["a", "b", "c", "d", "e", "f", "g"]).unwrap();
        assert_eq!((burst.requests, burst.latencies.len()), (7, 7));
        assert!(burst.latencies.is_sorted());
        let mut seen: Vec<String> = receiver.try_iter().collect();
        seen.sort();
        let expected = ["a", "b", "c", "d", "e", "f", "g"].map(|token| format!("Bearer {token}"));
        assert_eq!(seen, expected);

        let error = clients.drive("/", &["a", "bad"]).unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
    }
}
