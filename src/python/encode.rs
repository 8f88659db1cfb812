//! Writes JSON bytes straight from Python objects, and refuses what no store can hold: NaN, NUL,
//! lone surrogates, integers beyond 64 bit, foreign types, cycles, depth and size.
//! Every refusal names its place. Recursion is bounded, so the stack cannot overflow.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::trouble::{Place, Trouble, What};
use crate::rules::content::DEPTH_MAX;

/// `{"args", "kwargs", "metadata"}` as a payload spells them.
pub fn payload(
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyAny>,
    metadata: Option<&Bound<'_, PyAny>>,
    limit: usize,
    default: Option<&Bound<'_, PyAny>>,
) -> Result<Vec<u8>, Trouble> {
    let mut encoder = Encoder::new(limit, default);
    encoder.put(b"{\"args\":")?;
    encoder.value(args).map_err(|trouble| trouble.inside(Place::key("args")))?;
    encoder.put(b",\"kwargs\":")?;
    encoder.value(kwargs).map_err(|trouble| trouble.inside(Place::key("kwargs")))?;
    encoder.put(b",\"metadata\":")?;
    match metadata {
        Some(metadata) => encoder.value(metadata).map_err(|trouble| trouble.inside(Place::key("metadata")))?,
        None => encoder.put(b"{}")?,
    }
    encoder.put(b"}")?;
    Ok(encoder.out)
}

/// The bytes of one value.
pub fn value(value: &Bound<'_, PyAny>, limit: usize, default: Option<&Bound<'_, PyAny>>) -> Result<Vec<u8>, Trouble> {
    let mut encoder = Encoder::new(limit, default);
    encoder.value(value)?;
    Ok(encoder.out)
}

struct Encoder<'a, 'py> {
    out: Vec<u8>,
    limit: usize,
    default: Option<&'a Bound<'py, PyAny>>,
    /// Addresses of the containers around the current value, and of values `default` is resolving.
    around: Vec<usize>,
}

impl<'a, 'py> Encoder<'a, 'py> {
    fn new(limit: usize, default: Option<&'a Bound<'py, PyAny>>) -> Self {
        Self { out: Vec::with_capacity(128), limit, default, around: Vec::with_capacity(8) }
    }

    /// Exact types first: they are what nearly all payloads are made of.
    fn value(&mut self, value: &Bound<'py, PyAny>) -> Result<(), Trouble> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.text(text);
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return self.integer(number);
        }
        if value.is_none() {
            return self.put(b"null");
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            return self.put(if flag.is_true() { b"true" } else { b"false" });
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            return self.float(number.value());
        }
        // A mapping or sequence is what it holds, whatever its subclass adds.
        if let Ok(dict) = value.cast::<PyDict>() {
            return self.within(value, |encoder| encoder.object(dict));
        }
        if let Ok(list) = value.cast::<PyList>() {
            return self.within(value, |encoder| encoder.array(list.iter()));
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            return self.within(value, |encoder| encoder.array(tuple.iter()));
        }
        self.foreign(value)
    }

    /// Offers a value of another type to `default`, and encodes what it makes of it.
    fn foreign(&mut self, value: &Bound<'py, PyAny>) -> Result<(), Trouble> {
        let Some(default) = self.default else {
            return self.plain_base(value);
        };
        match default.call1((value,)) {
            Ok(plain) => self.within(value, |encoder| encoder.value(&plain)),
            // As with `json.dumps`, a TypeError says "not my type".
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyTypeError>(value.py()) => {
                self.plain_base(value).map_err(|trouble| trouble.caused_by(error))
            }
            Err(error) => Err(Trouble::new(What::DefaultRaised(error))),
        }
    }

    /// A subclass of a plain type (`numpy.float64`, a `str` subclass) counts as its base.
    fn plain_base(&mut self, value: &Bound<'py, PyAny>) -> Result<(), Trouble> {
        if let Ok(text) = value.cast::<PyString>() {
            return self.text(text);
        }
        if let Ok(number) = value.cast::<PyInt>() {
            return self.integer(number);
        }
        if let Ok(number) = value.cast::<PyFloat>() {
            return self.float(number.value());
        }
        Err(Trouble::new(What::ForeignType(type_name(value))))
    }

    /// Goes one level down, unless that level is too deep or already open above.
    fn within(
        &mut self,
        value: &Bound<'py, PyAny>,
        write: impl FnOnce(&mut Self) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let address = value.as_ptr() as usize;
        if self.around.contains(&address) {
            return Err(Trouble::new(What::Cycle));
        }
        if self.around.len() >= DEPTH_MAX as usize {
            return Err(Trouble::new(What::TooDeep));
        }
        self.around.push(address);
        write(self)?;
        self.around.pop();
        Ok(())
    }

    fn object(&mut self, dict: &Bound<'py, PyDict>) -> Result<(), Trouble> {
        self.put(b"{")?;
        let size = dict.len();
        let mut entries = dict.iter();
        for at in 0..size {
            // PyO3's iterator panics when `default` changed the dict under it; asking first is kinder.
            if dict.len() != size {
                return Err(Trouble::new(What::Changed));
            }
            let Some((key, value)) = entries.next() else { return Err(Trouble::new(What::Changed)) };
            if at > 0 {
                self.put(b",")?;
            }
            let name = key.cast::<PyString>().map_err(|_| Trouble::new(What::KeyType(type_name(&key))))?;
            self.text(name).map_err(Trouble::in_a_key)?;
            self.put(b":")?;
            self.value(&value).map_err(|trouble| trouble.inside(Place::of(name)))?;
        }
        self.put(b"}")
    }

    fn array(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>) -> Result<(), Trouble> {
        self.put(b"[")?;
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.put(b",")?;
            }
            self.value(&item).map_err(|trouble| trouble.inside(Place::Index(at)))?;
        }
        self.put(b"]")
    }

    fn text(&mut self, text: &Bound<'py, PyString>) -> Result<(), Trouble> {
        // Only a lone surrogate keeps a Python string from being UTF-8.
        let text = text.to_str().map_err(|_| Trouble::new(What::Surrogate))?;
        if text.as_bytes().contains(&0) {
            return Err(Trouble::new(What::Nul));
        }
        self.room_for(text.len() + 2)?;
        serde_json::to_writer(&mut self.out, text).expect("a Vec takes every write, and a str is JSON");
        self.room_for(0)
    }

    fn integer(&mut self, number: &Bound<'py, PyInt>) -> Result<(), Trouble> {
        let number = number.extract::<i64>().map_err(|_| Trouble::new(What::BigInteger))?;
        serde_json::to_writer(&mut self.out, &number).expect("a Vec takes every write, and an i64 is JSON");
        self.room_for(0)
    }

    /// The shortest digits that read back as the same number; `1.0` stays a float.
    fn float(&mut self, number: f64) -> Result<(), Trouble> {
        if !number.is_finite() {
            return Err(Trouble::new(What::NotFinite(number)));
        }
        serde_json::to_writer(&mut self.out, &number).expect("a Vec takes every write, and a finite f64 is JSON");
        self.room_for(0)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.out.extend_from_slice(bytes);
        self.room_for(0)
    }

    fn room_for(&self, more: usize) -> Result<(), Trouble> {
        if self.out.len() + more > self.limit {
            return Err(Trouble::new(What::TooLarge { limit: self.limit }));
        }
        Ok(())
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().qualname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}
