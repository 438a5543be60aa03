//! Ports for the programs that tests start.

use std::net::TcpListener;
use std::sync::Mutex;

/// Four free ports in a row, below those that the system gives to clients, and no others' in this process.
pub(crate) fn base_port() -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(20000);
    let mut next = NEXT.lock().unwrap();
    loop {
        let base = *next;
        *next += 4;
        assert!(*next < 32000, "no free ports");
        if (base..base + 4).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return base;
        }
    }
}
