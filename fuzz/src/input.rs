//! What the bytes of an input say: text in fields, and choices.

/// Between two fields; no text in UTF-8 has it.
pub const SEPARATOR: u8 = 0xff;

/// The time at which every run begins, in milliseconds.
pub const START: u64 = 1_700_000_000_000;

/// The fields of an input; those that are not there are empty.
pub fn fields<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut fields = input.splitn(N, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| fields.next().unwrap_or_default())
}

/// Choices, taken one after the other; when there are no more, all are zero.
#[derive(Clone, Debug)]
pub struct Choices<'i> {
    rest: &'i [u8],
}

impl<'i> Choices<'i> {
    /// The choices that these bytes make.
    pub fn new(bytes: &'i [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        let number = if end > 256 {
            usize::from(self.byte()) << 8 | usize::from(self.byte())
        } else {
            usize::from(self.byte())
        };
        number % end
    }

    /// All that are left.
    pub fn rest(&self) -> &'i [u8] {
        self.rest
    }

    /// Whether the next byte is odd.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Up to 255 bytes, as many as the next one says.
    pub fn text(&mut self) -> &'i [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        text
    }
}
