//! A small HTTP/1.1 server in the test process, whose handler decides how badly it behaves.

use super::http_message::{Headers, read_body, read_head};
use socket2::SockRef;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request as the server read it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
}

/// How an answer travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Delivery {
    /// As it should.
    Whole,
    /// The connection closes instead.
    Nothing,
    /// The connection is reset instead, as when the peer's process dies.
    Reset,
    /// The body without a head, which is no HTTP.
    Bare,
    /// The connection closes after half of the body.
    Half,
    /// One byte of the head at a time, with this pause before each.
    SlowHead(Duration),
    /// One byte of the body at a time, with this pause before each.
    SlowBody(Duration),
}

/// Runs until it is dropped; then its port is closed and so is every connection.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    /// Each is its thread's own: it closes when the thread lets go of it, and not before.
    connections: Arc<Mutex<Vec<Weak<TcpStream>>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Serves on a free port.
    pub(crate) fn start(handler: impl Fn(Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), handler).unwrap()
    }

    /// Serves at an address that the caller chose.
    pub(crate) fn start_at(
        address: SocketAddr,
        handler: impl Fn(Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let handler = Arc::new(handler);
        let acceptor = thread::spawn({
            let (stopping, connections) = (Arc::clone(&stopping), Arc::clone(&connections));
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream.map(Arc::new) else { continue };
                    connections.lock().unwrap().push(Arc::downgrade(&stream));
                    let handler = Arc::clone(&handler);
                    // A connection's thread ends with its connection; an I/O error there is the peer's business.
                    thread::spawn(move || serve(&stream, handler.as_ref()));
                }
            }
        });
        Ok(Self { address, stopping, connections, acceptor: Some(acceptor) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which then sees that it is to stop.
        let _connection = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _outcome = acceptor.join();
        }
        if let Ok(connections) = self.connections.lock() {
            for connection in connections.iter().filter_map(Weak::upgrade) {
                let _closed_already = connection.shutdown(Shutdown::Both);
            }
        }
    }
}

fn serve(stream: &TcpStream, handler: &impl Fn(Received) -> Reply) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader)? {
        let mut words = head.first_line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (method, target) = (method.to_owned(), target.to_owned());
        let body = read_body(&mut reader, &head.headers, false)?;
        let reply = handler(Received { method, target, headers: head.headers, body });
        if !send(stream, &reply)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the connection can go on; else the caller is to let go of it.
fn send(mut stream: &TcpStream, reply: &Reply) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let (head, body) = (head.as_bytes(), reply.body.as_slice());
    match reply.delivery {
        Delivery::Whole => {
            stream.write_all(&[head, body].concat())?;
            Ok(true)
        }
        Delivery::Nothing => Ok(false),
        Delivery::Reset => {
            SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
            Ok(false)
        }
        Delivery::Bare => {
            stream.write_all(body)?;
            Ok(false)
        }
        Delivery::Half => {
            stream.write_all(&[head, &body[..body.len() / 2]].concat())?;
            Ok(false)
        }
        Delivery::SlowHead(pause) => {
            trickle(stream, head, pause)?;
            stream.write_all(body)?;
            Ok(true)
        }
        Delivery::SlowBody(pause) => {
            stream.write_all(head)?;
            trickle(stream, body, pause)?;
            Ok(true)
        }
    }
}

fn trickle(mut stream: &TcpStream, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        thread::sleep(pause);
        stream.write_all(&[*byte])?;
    }
    Ok(())
}
