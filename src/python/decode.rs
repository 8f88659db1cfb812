//! Makes Python objects straight from a payload's JSON, for what nearly all payloads are made of. What it is not
//! sure to read exactly as Python's `json` does it leaves to that: it answers `None`, and refuses nothing itself.

use std::str::FromStr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// As deep as fleet-q itself writes, and no danger to the stack.
const DEPTH_MAX: u32 = crate::rules::content::DEPTH_MAX;

/// From so many digits on an integer may not fit 64 bits.
const DIGITS_MAX: usize = 18;

/// What a payload holds: arguments, keyword arguments, metadata.
pub type Parts<'py> = (Bound<'py, PyList>, Bound<'py, PyDict>, Bound<'py, PyDict>);

/// The parts of `{"args", "kwargs", "metadata"}`; one that is missing or null is empty.
pub fn payload<'py>(py: Python<'py>, json: &[u8]) -> Option<Parts<'py>> {
    let mut reader = Reader { py, text: std::str::from_utf8(json).ok()?, at: 0, depth: 0 };
    let whole = reader.value()?;
    reader.space();
    let envelope = whole.cast::<PyDict>().ok().filter(|_| reader.at == reader.text.len())?;
    let args = match part(envelope, intern!(py, "args"))? {
        Some(args) => args.cast_into().ok()?,
        None => PyList::empty(py),
    };
    let dict = |name: &Bound<'py, PyString>| match part(envelope, name)? {
        Some(dict) => dict.cast_into().ok(),
        None => Some(PyDict::new(py)),
    };
    Some((args, dict(intern!(py, "kwargs"))?, dict(intern!(py, "metadata"))?))
}

/// `None` if Python failed, `Some(None)` if there is nothing under this name.
#[allow(clippy::option_option, reason = "the outer one gives up, the inner one is an answer")]
fn part<'py>(envelope: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> Option<Option<Bound<'py, PyAny>>> {
    Some(envelope.get_item(name).ok()?.filter(|value| !value.is_none()))
}

struct Reader<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a, 'py> Reader<'a, 'py> {
    fn value(&mut self) -> Option<Bound<'py, PyAny>> {
        self.space();
        let py = self.py;
        match self.peek()? {
            b'"' => Some(self.text()?.into_any()),
            b'{' => self.within(Self::object),
            b'[' => self.within(Self::array),
            b't' => self.word("true", PyBool::new(py, true).to_owned().into_any()),
            b'f' => self.word("false", PyBool::new(py, false).to_owned().into_any()),
            b'n' => self.word("null", py.None().into_bound(py)),
            _ => self.number(),
        }
    }

    fn within(&mut self, read: fn(&mut Self) -> Option<Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
        self.at += 1;
        self.depth += 1;
        let value = (self.depth <= DEPTH_MAX).then(|| read(self)).flatten();
        self.depth -= 1;
        value
    }

    /// Behind its opening brace.
    fn object(&mut self) -> Option<Bound<'py, PyAny>> {
        let dict = PyDict::new(self.py);
        if self.is_next(b'}') {
            return Some(dict.into_any());
        }
        loop {
            self.space();
            let name = self.text()?;
            if !self.is_next(b':') {
                return None;
            }
            dict.set_item(name, self.value()?).ok()?;
            if self.is_next(b'}') {
                return Some(dict.into_any());
            }
            if !self.is_next(b',') {
                return None;
            }
        }
    }

    /// Behind its opening bracket.
    fn array(&mut self) -> Option<Bound<'py, PyAny>> {
        let list = PyList::empty(self.py);
        if self.is_next(b']') {
            return Some(list.into_any());
        }
        loop {
            list.append(self.value()?).ok()?;
            if self.is_next(b']') {
                return Some(list.into_any());
            }
            if !self.is_next(b',') {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<Bound<'py, PyString>> {
        let from = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        let (mut end, mut escaped) = (from + 1, false);
        loop {
            match self.text.as_bytes().get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                ..0x20 => return None,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        if escaped {
            // A lone surrogate is none of Rust's.
            let text: String = serde_json::from_str(&self.text[from..self.at]).ok()?;
            return Some(PyString::new(self.py, &text));
        }
        Some(PyString::new(self.py, &self.text[from + 1..end]))
    }

    fn number(&mut self) -> Option<Bound<'py, PyAny>> {
        let rest: &'a str = &self.text[self.at..];
        let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let number = &rest[..rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len())];
        self.at += number.len();
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        let leads_with_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        if leads_with_zero || !digits.first()?.is_ascii_digit() {
            return None;
        }
        if digits.iter().all(u8::is_ascii_digit) {
            let fits = digits.len() <= DIGITS_MAX;
            let number = fits.then(|| i64::from_str(number).ok()).flatten()?;
            return PyInt::new(self.py, number).into_any().into();
        }
        is_float(digits).then(|| f64::from_str(number).ok()).flatten().map(|it| PyFloat::new(self.py, it).into_any())
    }

    fn word(&mut self, word: &str, value: Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let found = self.text[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(value)
    }

    /// Whether this comes next, past space; then it is read.
    fn is_next(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// Whether this is a number of JSON with a fraction or an exponent: digits must stand on both sides of the point.
fn is_float(number: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = &number[digits(number)..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let many = digits(fraction);
        rest = &fraction[many..];
        if many == 0 {
            return false;
        }
    }
    if let Some((b'e' | b'E', exponent)) = rest.split_first() {
        let unsigned = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        return !unsigned.is_empty() && digits(unsigned) == unsigned.len();
    }
    rest.is_empty()
}
