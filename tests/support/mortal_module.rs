//! A copy of the module that ships, with a way to die: it traps when a request has very many headers.
//!
//! No request is known of which the shipped module dies. So the trap is put into a copy of it, in front of the callback that
//! sees a request's headers first. All that lies behind is the shipped module, and nothing in its sources knows of a trap.

use super::http_client::Request;

/// With so many headers a request is lethal, those included that Envoy adds. A constant below 64 is one byte of code.
const LETHAL: u8 = 60;

/// The callback. Its parameters are the context, the number of headers, and whether that is all of the request.
const CALLBACK: &[u8] = b"proxy_on_request_headers";

// Sections of a module, as WebAssembly numbers them.
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

impl Request {
    /// Gives it the headers of which the copy dies, and the shipped module does not.
    pub(crate) fn lethal(self) -> Self {
        (0..LETHAL).fold(self, |request, number| request.header(&format!("x-lethal-{number}"), "-"))
    }
}

/// The copy. One more function stands at the end, where it moves no other, and takes the callback's place among the exports.
pub(crate) fn mortal(module: &[u8]) -> Vec<u8> {
    let (head, sections) = module.split_at(8);
    let sections = Reader(sections).sections();
    let section = |id| Reader(sections.iter().find(|(known, _)| *known == id).unwrap().1);
    // This module imports functions only.
    let imported = section(IMPORTS).number();
    let types = section(FUNCTIONS).list(Reader::number);
    let bodies = section(CODE).list(Reader::sized);
    let exports = section(EXPORTS).list(|entry| (entry.sized(), entry.byte(), entry.number()));

    let callback = exports.iter().find(|(name, ..)| *name == CALLBACK).unwrap().2;
    let signature = types[usize::try_from(callback - imported).unwrap()];
    let guard = imported + u32::try_from(types.len()).unwrap();
    let guard_body = guard_before(callback);
    let exports = exports.into_iter().map(|(name, kind, index)| {
        let index = if name == CALLBACK { guard } else { index };
        [sized(name), vec![kind], leb(index)].concat()
    });

    let mut copy = head.to_vec();
    for (id, content) in &sections {
        let content = match *id {
            FUNCTIONS => list(types.iter().copied().chain([signature]).map(leb)),
            EXPORTS => list(exports.clone()),
            CODE => list(bodies.iter().copied().chain([guard_body.as_slice()]).map(sized)),
            _ => content.to_vec(),
        };
        copy.push(*id);
        copy.extend(sized(&content));
    }
    copy
}

/// A function that calls another one, unless the request has too many headers.
fn guard_before(callback: u32) -> Vec<u8> {
    const GET_LOCAL: u8 = 0x20;
    // No locals of its own; if the number of headers (unsigned) is LETHAL or more: unreachable.
    let mut body = vec![0, GET_LOCAL, 1, 0x41, LETHAL, 0x4f, 0x04, 0x40, 0x00, 0x0b];
    body.extend([GET_LOCAL, 0, GET_LOCAL, 1, GET_LOCAL, 2, 0x10]);
    body.extend(leb(callback));
    body.push(0x0b);
    body
}

/// Reads what a module is written with.
#[derive(Clone, Copy)]
struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize) -> &'m [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u32 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn sized(&mut self) -> &'m [u8] {
        let length = self.number();
        self.take(usize::try_from(length).unwrap())
    }

    fn list<T>(mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.number()).map(|_| item(&mut self)).collect()
    }

    fn sections(mut self) -> Vec<(u8, &'m [u8])> {
        let mut sections = Vec::new();
        while !self.0.is_empty() {
            sections.push((self.byte(), self.sized()));
        }
        sections
    }
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn sized(content: &[u8]) -> Vec<u8> {
    [leb(u32::try_from(content.len()).unwrap()), content.to_vec()].concat()
}

fn list(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<_> = items.collect();
    [leb(u32::try_from(items.len()).unwrap()), items.concat()].concat()
}
