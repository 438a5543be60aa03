//! As much of HTTP/1.1 as a load generator and two small servers need: heads, and bodies of a known length.

use std::{
    io::{self, BufRead, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// The most bytes of a head that are read.
const MAX_HEAD: u64 = 128 * 1024;

/// The first line of a message and what of its head matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Request line or status line.
    pub(crate) start: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }

    /// The path of a request.
    pub(crate) fn path(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Reads a whole message; `None` where the connection has ended.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some((mut message, length)) = Self::read_head(from)? else { return Ok(None) };
        match length {
            Length::Bytes(length) => read_exactly(from, length, &mut message.body)?,
            Length::Chunked => read_chunks(from, &mut message.body)?,
        }
        Ok(Some(message))
    }

    fn read_head(from: &mut impl BufRead) -> io::Result<Option<(Self, Length)>> {
        let mut head = from.take(MAX_HEAD);
        let mut start = String::new();
        if head.read_line(&mut start)? == 0 {
            return Ok(None);
        }
        let (mut length, mut authorization) = (Length::Bytes(0), None);
        let mut line = String::new();
        loop {
            line.clear();
            if head.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line.trim_end().is_empty() {
                    break;
                }
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a header without a colon"));
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Bytes(value.trim().parse().map_err(io::Error::other)?);
            } else if name.eq_ignore_ascii_case("authorization") {
                authorization = Some(value.trim().to_owned());
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunked;
            }
        }
        Ok(Some((Self { start: start.trim_end().to_owned(), authorization, body: Vec::new() }, length)))
    }
}

/// How a body is delimited.
enum Length {
    Bytes(u64),
    Chunked,
}

fn read_exactly(from: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = from.take(length).read_to_end(body)?;
    if u64::try_from(read).ok() == Some(length) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// RFC 9112 §7.1, without trailers, which nobody here sends.
fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        from.take(MAX_HEAD).read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        read_exactly(from, length, body)?;
        line.clear();
        from.take(MAX_HEAD).read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Serves on a free port of this machine until the program ends, each connection in a thread of its own.
///
/// `answer` gives status and body, which is JSON.
pub(crate) fn serve(
    answer: impl Fn(&Message) -> (u16, String) + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // Whoever leaves in the middle of a message is not answered, and nobody asks why.
            thread::spawn(move || serve_connection(&stream, &*answer));
        }
    });
    Ok(address)
}

fn serve_connection(stream: &TcpStream, answer: &impl Fn(&Message) -> (u16, String)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = io::BufReader::new(stream);
    let mut to = stream;
    while let Some(request) = Message::read(&mut from)? {
        let (status, body) = answer(&request);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        to.write_all(answer.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Option<Message>> {
        Message::read(&mut text.as_bytes())
    }

    #[test]
    fn messages_are_read_whole() {
        let text = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\nserver: envoy\r\n\r\nhello";
        let message = read(text).unwrap().unwrap();
        assert_eq!((message.status(), message.body.as_slice()), (Some(401), b"hello".as_slice()));

        let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(read(text).unwrap().unwrap().body, b"hello");

        let message = read("GET /a/b HTTP/1.1\r\nAuthorization: Bearer x.y.z\r\n\r\n").unwrap().unwrap();
        assert_eq!(message.path(), "/a/b");
        assert_eq!(message.authorization.as_deref(), Some("Bearer x.y.z"));
        assert_eq!(read("").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_whole_is_an_error() {
        for text in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhe",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
