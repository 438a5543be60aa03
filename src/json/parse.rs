//! The parser: one pass over the text, which copies a string only where it holds an escape.

use std::borrow::Cow;

use super::{Json, JsonError, Object, object::FEW, step};

/// What is not read yet of a text.
pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    /// At the beginning of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// One value that fills the text, of which objects and arrays nest at most `depth` deep.
    pub(super) fn parse(mut self, depth: usize) -> Result<Json<'t>, JsonError> {
        self.skip_blanks();
        let value = self.value(depth)?;
        self.skip_blanks();
        if self.peek().is_some() { Err(self.fault()) } else { Ok(value) }
    }

    /// RFC 8259 §3. No deeper recursion than `depth`.
    fn value(&mut self, depth: usize) -> Result<Json<'t>, JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'{') => self.object(depth.checked_sub(1).ok_or(JsonError::TooDeep)?),
            Some(b'[') => self.array(depth.checked_sub(1).ok_or(JsonError::TooDeep)?),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json<'t>) -> Result<Json<'t>, JsonError> {
        word.bytes().try_for_each(|byte| self.expect(byte))?;
        Ok(value)
    }

    /// RFC 8259 §4.
    fn object(&mut self, depth: usize) -> Result<Json<'t>, JsonError> {
        // The outermost is the header or the claims of a token; inner ones are mostly not there.
        let mut members = Vec::with_capacity(if self.at == 0 { FEW } else { 0 });
        self.bump();
        self.skip_blanks();
        if !self.take(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.fault());
                }
                let name = self.string()?;
                self.skip_blanks();
                self.expect(b':')?;
                self.skip_blanks();
                match self.value(depth) {
                    Ok(value) => members.push((name, value)),
                    Err(error) => return Err(error.within(|| step(&name))),
                }
                self.skip_blanks();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
                self.skip_blanks();
            }
        }
        Object::new(members)
            .map(Json::Object)
            .map_err(|name| JsonError::DuplicateMember { path: step(&name) })
    }

    /// RFC 8259 §5.
    fn array(&mut self, depth: usize) -> Result<Json<'t>, JsonError> {
        let mut elements = Vec::new();
        self.bump();
        self.skip_blanks();
        if !self.take(b']') {
            loop {
                match self.value(depth) {
                    Ok(element) => elements.push(element),
                    Err(error) => return Err(error.within(|| format!("[{}]", elements.len()))),
                }
                self.skip_blanks();
                if self.take(b']') {
                    break;
                }
                self.expect(b',')?;
                self.skip_blanks();
            }
        }
        Ok(Json::Array(elements))
    }

    /// RFC 8259 §6, as it is written.
    fn number(&mut self) -> Result<Json<'t>, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        self.since(start).map(|digits| Json::Number(Cow::Borrowed(digits)))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.fault());
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.bump();
        }
        Ok(())
    }

    /// RFC 8259 §7.
    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        self.bump();
        let start = self.at;
        self.skip_plain();
        let plain = self.since(start)?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = plain.to_owned();
        loop {
            self.expect(b'\\')?;
            unescaped.push(self.escape()?);
            let start = self.at;
            self.skip_plain();
            unescaped.push_str(self.since(start)?);
            if self.take(b'"') {
                return Ok(Cow::Owned(unescaped));
            }
        }
    }

    /// What follows a `\`.
    fn escape(&mut self) -> Result<char, JsonError> {
        let escape = self.peek();
        let character = match escape {
            Some(b'"' | b'\\' | b'/') => escape.map(char::from),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => {
                self.bump();
                return self.escaped_unit();
            }
            _ => None,
        };
        let character = character.ok_or_else(|| self.fault())?;
        self.bump();
        Ok(character)
    }

    /// What follows `\u`: a character, or the first half of one that is written as two.
    fn escaped_unit(&mut self) -> Result<char, JsonError> {
        let first = self.hexadecimal()?;
        let mut units = [first, 0];
        let is_half = (0xd800..0xdc00).contains(&first);
        if is_half {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            units = [first, self.hexadecimal()?];
        }
        let used = if is_half { units.as_slice() } else { units.get(..1).unwrap_or_default() };
        let mut characters = char::decode_utf16(used.iter().copied());
        match (characters.next(), characters.next()) {
            (Some(Ok(character)), None) => Ok(character),
            _ => Err(self.fault()),
        }
    }

    fn hexadecimal(&mut self) -> Result<u16, JsonError> {
        let mut unit = 0_u16;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.and_then(|digit| u16::try_from(digit).ok()).ok_or_else(|| self.fault())?;
            unit = (unit << 4) | digit;
            self.bump();
        }
        Ok(unit)
    }

    /// To the next byte that is not itself in a string: a quotation mark, a backslash, a control character, or the end. Most of a
    /// token is text, so it is looked at in words.
    fn skip_plain(&mut self) {
        let rest = self.rest();
        let mut words = rest.chunks_exact(WORD);
        let mut plain = 0_usize;
        for word in words.by_ref() {
            let marks = word.first_chunk().map_or(0, |word| special(u64::from_le_bytes(*word)));
            if marks != 0 {
                // One byte has eight bits, of which the highest is marked.
                let bytes = usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
                self.at = self.at.saturating_add(plain).saturating_add(bytes);
                return;
            }
            plain = plain.saturating_add(WORD);
        }
        let tail = words.remainder();
        let bytes = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
        self.at = self.at.saturating_add(plain).saturating_add(bytes.unwrap_or(tail.len()));
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.bump();
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> Result<&'t str, JsonError> {
        self.text.get(start..self.at).ok_or_else(|| self.fault())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.bump();
        }
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.fault()) }
    }

    /// That the next byte is none that can stand here. A column counts bytes, from 1; that of the end is the last byte's.
    #[cold]
    fn fault(&self) -> JsonError {
        let end = self.at.saturating_add(1).min(self.text.len());
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let line = before.split(|byte| *byte == b'\n').count();
        JsonError::Syntax { line, column: end.saturating_sub(line_start) }
    }
}

/// The bytes that are looked at together.
const WORD: usize = size_of::<u64>();

/// The highest bit of each byte that is a quotation mark, a backslash or a control character; of those after the first such byte
/// it may be set or not.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; WORD]);
    const HIGH: u64 = u64::from_le_bytes([0x80; WORD]);
    const CONTROLS_END: u64 = u64::from_le_bytes([0x20; WORD]);
    const QUOTATION_MARKS: u64 = u64::from_le_bytes([b'"'; WORD]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; WORD]);
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let is_control = word.wrapping_sub(CONTROLS_END) & !word;
    (is_control | is_zero(word ^ QUOTATION_MARKS) | is_zero(word ^ BACKSLASHES)) & HIGH
}

#[cfg(test)]
mod tests;
