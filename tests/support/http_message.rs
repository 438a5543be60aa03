//! HTTP/1.1 messages as bytes: enough of it for a client and a server that tests control to the last byte.

use std::io::{self, BufRead, ErrorKind, Read as _};

/// Header lines in their order, names in lower case, values as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    pub(crate) fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// The value of the header; fails the test when it is there twice, which no test expects by accident.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let values = self.all(name);
        assert!(values.len() <= 1, "header `{name}` is there {} times", values.len());
        values.first().copied()
    }

    /// The value of the header as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| std::str::from_utf8(value).unwrap())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_slice()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"))
    }

    fn content_length(&self) -> io::Result<Option<usize>> {
        let parse = |value: &[u8]| std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        match self.get("content-length").map(parse) {
            None => Ok(None),
            Some(Some(length)) => Ok(Some(length)),
            Some(None) => Err(malformed("content-length is not a number")),
        }
    }
}

/// The first line of a message and its headers.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Headers,
}

/// Reads a message's head; `None` when the peer closed before its first byte.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(first_line) = read_line(reader)? else { return Ok(None) };
    let first_line = String::from_utf8(first_line).map_err(|_error| malformed("first line is not text"))?;
    let mut headers = Headers::default();
    loop {
        let line = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(Head { first_line, headers }));
        }
        let colon =
            line.iter().position(|byte| *byte == b':').ok_or_else(|| malformed("header without colon"))?;
        let (name, value) = line.split_at(colon);
        let name = std::str::from_utf8(name).map_err(|_error| malformed("header name is not text"))?;
        headers.push(name, value[1..].trim_ascii());
    }
}

/// What follows the head: a body with a length, in chunks, or none (`to_the_end` for a response that has neither).
pub(crate) fn read_body(
    reader: &mut impl BufRead,
    headers: &Headers,
    to_the_end: bool,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if headers.is_chunked() {
        loop {
            let size = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
            let size = std::str::from_utf8(&size).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
            let size = size.ok_or_else(|| malformed("chunk size is not a number"))?;
            read_exactly(reader, size, &mut body)?;
            let end = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
            if !end.is_empty() {
                return Err(malformed("chunk is longer than it says, or a trailer follows"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = headers.content_length()? {
        read_exactly(reader, length, &mut body)?;
    } else if to_the_end {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_exactly(reader: &mut impl BufRead, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(u64::try_from(length).unwrap()).read_to_end(into)?;
    if read == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// A line without its end; `None` at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    match line.strip_suffix(b"\r\n") {
        Some(content) => Ok(Some(content.to_vec())),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
